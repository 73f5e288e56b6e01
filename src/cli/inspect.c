/* SPDX-License-Identifier: MIT */
/*
 * inspect.c: the mappings are read once, with their usage, and all finders work on that reading; what they
 * count themselves, page by page, is a moment younger. The ledger copes with the difference.
 */
#include "cli/inspect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cli/allocators.h"
#include "process/images.h"
#include "process/threads.h"
#include "profile/subject.h"

enum { SMAPS_MAX = 64 * 1024 * 1024 };

static int find_areas(pid_t pid, const struct maps *maps, struct memory *memory,
		      struct areas *areas)
{
	_cleanup_free_ struct procinfo_thread *threads = NULL;
	size_t n_threads = 0;
	int r;

	r = procinfo_read_threads(pid, &threads, &n_threads);
	if (r >= 0)
		r = threads_find_stacks(pid, threads, n_threads, maps, memory, areas);
	if (r >= 0)
		r = images_find(pid, maps, memory, areas);
	if (r >= 0)
		r = areas_settle(areas);
	return r < 0 ? r : areas_measure(areas, memory);
}

static int find_arenas(pid_t pid, const struct maps *maps, struct memory *memory,
		       struct arenas **ret)
{
	_cleanup_free_ struct procinfo_thread *threads = NULL;
	_cleanup_free_ uint32_t *tids = NULL;
	size_t n_threads = 0;
	int r = procinfo_read_threads(pid, &threads, &n_threads);

	if (r < 0)
		return r;
	tids = calloc(n_threads ?: 1, sizeof(*tids));
	if (!tids)
		return -ENOMEM;
	for (size_t i = 0; i < n_threads; i++)
		tids[i] = (uint32_t)threads[i].tid;
	return allocators_read(memory, maps, tids, n_threads, 0, ret);
}

int inspect_process(pid_t pid, struct profile *profile)
{
	_cleanup_(memory_freep) struct memory *memory = NULL;
	_cleanup_(areas_deinit) struct areas areas = {};
	_cleanup_(maps_deinit) struct maps maps = {};
	char path[64];
	size_t size;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	if (!profile->maps_text && file_read(path, SMAPS_MAX, &profile->maps_text, &size) < 0)
		return 0;
	r = maps_parse(profile->maps_text, strlen(profile->maps_text), &maps);
	if (r >= 0)
		r = memory_open_pid(pid, &memory);
	if (r >= 0)
		r = find_areas(pid, &maps, memory, &areas);
	if (r >= 0 && !profile->arenas)
		r = find_arenas(pid, &maps, memory, &profile->arenas);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	free(profile->areas);
	profile->areas = areas.areas;
	profile->n_areas = areas.n_areas;
	areas = (struct areas){};
	return 0;
}

/* Threads of a core have no names. */
static int name_threads(const struct space *space, struct procinfo_thread **ret)
{
	struct procinfo_thread *threads = calloc(space->n_tids + 1, sizeof(*threads));

	if (!threads)
		return -ENOMEM;
	for (size_t i = 0; i < space->n_tids; i++) {
		threads[i].tid = (pid_t)space->tids[i];
		snprintf(threads[i].name, sizeof(threads[i].name), "thread");
	}
	*ret = threads;
	return 0;
}

int inspect_core(const struct space *space, struct profile *profile)
{
	_cleanup_free_ struct procinfo_thread *threads = NULL;
	_cleanup_(areas_deinit) struct areas areas = {};
	int r;

	r = maps_format(space->maps, &profile->maps_text);
	if (r >= 0)
		r = name_threads(space, &threads);
	if (r >= 0)
		r = threads_find_stacks(0, threads, space->n_tids, space->maps, space->memory,
					&areas);
	if (r >= 0)
		r = images_find(space->info->pid, space->maps, space->memory, &areas);
	if (r >= 0)
		r = areas_settle(&areas);
	if (r >= 0)
		r = areas_measure(&areas, space->memory);
	if (r >= 0 && !profile->arenas)
		r = allocators_read(space->memory, space->maps, space->tids, space->n_tids, 0,
				    &profile->arenas);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	free(profile->areas);
	profile->areas = areas.areas;
	profile->n_areas = areas.n_areas;
	areas = (struct areas){};
	return 0;
}

int inspect_plain(const struct origin *origin, struct profile **ret)
{
	_cleanup_(profile_freep) struct profile *profile = profile_new();
	struct timespec now;
	int r;

	if (!profile)
		return -ENOMEM;
	if (!origin->has_info)
		return -ESRCH;
	clock_gettime(CLOCK_REALTIME, &now);
	r = subject_describe_plain(&origin->info, (double)now.tv_sec + (double)now.tv_nsec / 1e9,
				   profile);
	if (r < 0)
		return r;
	profile->process.pid = (uint32_t)origin->pid;
	r = inspect_process(origin->pid, profile);
	if (r < 0)
		return r;
	/* nothing was seen but the process itself */
	if (!profile->maps_text)
		return -EPERM;
	*ret = TAKE_PTR(profile);
	return 0;
}
