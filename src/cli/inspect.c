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
#include "base/clock.h"
#include "base/file.h"
#include "base/macro.h"
#include "cli/allocators.h"
#include "process/areas-beside.h"
#include "process/images.h"
#include "process/runtimes.h"
#include "process/threads.h"
#include "profile/subject.h"

enum { SMAPS_MAX = 64 * 1024 * 1024, MORE_ATTEMPTS = 2 };

/* Names come from /proc: a core has none. */
static int list_threads(const struct space *space, struct procinfo_thread **ret, size_t *ret_n)
{
	struct procinfo_thread *threads;

	if (space->pid)
		return procinfo_read_threads(space->pid, ret, ret_n);
	threads = calloc(space->n_tids + 1, sizeof(*threads));
	if (!threads)
		return -ENOMEM;
	for (size_t i = 0; i < space->n_tids; i++) {
		threads[i].tid = (pid_t)space->tids[i];
		snprintf(threads[i].name, sizeof(threads[i].name), "thread");
	}
	*ret = threads;
	*ret_n = space->n_tids;
	return 0;
}

/* What the agent has mapped for itself, as it says. */
static int add_agents(const struct space *space, const struct mt_header *header,
		      struct areas *areas)
{
	struct mt_range ranges[MT_OWN_MAPPINGS];

	if (!header || !header->own_mappings ||
	    memory_read(space->memory, header->own_mappings, ranges, sizeof(ranges)) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		const struct mapping *mapping = maps_find(space->maps, ranges[i].start);
		struct area *area;

		if (!mapping || mapping->path[0] || ranges[i].size == 0 ||
		    ranges[i].size > mapping->end - ranges[i].start)
			continue;
		area = areas_add(areas);
		if (!area)
			return -ENOMEM;
		area->start = ranges[i].start;
		area->end = area->start + ALIGN_UP(ranges[i].size, (uint64_t)MEMORY_PAGE_SIZE);
		area->kind = AREA_MEMTRACE;
	}
	return 0;
}

static int find_areas(const struct space *space, const struct mt_header *header,
		      struct areas *areas)
{
	_cleanup_free_ struct procinfo_thread *threads = NULL;
	size_t n_threads = 0;
	int r;

	r = list_threads(space, &threads, &n_threads);
	if (r >= 0)
		r = add_agents(space, header, areas);
	if (r >= 0)
		r = threads_find_stacks(space, threads, n_threads, areas);
	if (r >= 0)
		r = images_find(space->info->pid, space->maps, space->memory, areas);
	if (r >= 0)
		r = runtimes_find(space, areas);
	if (r >= 0)
		r = areas_settle(areas);
	return r < 0 ? r : areas_measure(areas, space->memory);
}

static int add_areas(const struct space *space, const struct mt_header *header,
		     struct profile *profile)
{
	_cleanup_(areas_deinit) struct areas areas = {};
	int r = find_areas(space, header, &areas);

	if (r < 0)
		return r;
	free(profile->areas);
	profile->areas = areas.areas;
	profile->n_areas = areas.n_areas;
	areas = (struct areas){};
	return 0;
}

/* What is known of the areas of an allocator by elimination gives way to its ranges. */
static int leave_ranges(const struct space *space, struct profile *profile)
{
	struct areas areas = {profile->areas, profile->n_areas};
	int r;

	if (!profile->arenas || !profile->arenas->n_ranges)
		return 0;
	r = areas_leave_ranges(&areas, profile->arenas, space->memory);
	profile->areas = areas.areas;
	profile->n_areas = areas.n_areas;
	return r == -ENOMEM ? r : 0;
}

int inspect_space(const struct space *space, const struct mt_header *header,
		  struct profile *profile)
{
	int r = add_areas(space, header, profile);

	if (r == -ENOMEM)
		return r;
	if (!profile->arenas)
		r = allocators_read(space, header ? header->heap_root : 0, 0, &profile->arenas);
	profile_count_before_attach(profile);
	return r == -ENOMEM ? r : leave_ranges(space, profile);
}

/* smaps as it is: the profile keeps the text. */
static int read_mappings(pid_t pid, struct profile *profile, struct maps *ret)
{
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	if (!profile->maps_text) {
		r = file_read(path, SMAPS_MAX, &profile->maps_text, NULL);
		if (r < 0)
			return r;
	}
	return maps_parse(profile->maps_text, strlen(profile->maps_text), ret);
}

static bool has_ended(const struct space *space)
{
	char byte;

	return space->maps->n_mappings == 0 ||
	       memory_read(space->memory, space->maps->mappings[0].start, &byte, 1) == -ESRCH;
}

/* From where it ended on nothing was there: what was counted by then is half of a picture. */
static void forget_seen(struct profile *profile)
{
	profile->arenas = arenas_free(profile->arenas);
	free(profile->areas);
	free(profile->maps_text);
	profile->areas = NULL;
	profile->n_areas = 0;
	profile->maps_text = NULL;
}

int inspect_process(pid_t pid, const struct mt_header *header, struct profile *profile)
{
	_cleanup_(space_deinit) struct space space = {};
	int r = space_open_pid(pid, false, &space);

	if (r >= 0) {
		maps_deinit(&space.own_maps);
		r = read_mappings(pid, profile, &space.own_maps);
	}
	if (r >= 0)
		r = inspect_space(&space, header, profile);
	if (r >= 0 && has_ended(&space))
		forget_seen(profile);
	return r == -ENOMEM ? r : 0;
}

static int read_arenas(struct profile *profile, bool may_stop)
{
	_cleanup_(space_deinit) struct space space = {};
	const pid_t pid = (pid_t)profile->process.pid;
	struct arenas *arenas = NULL;
	int r = space_open_pid(pid, false, &space);

	if (r >= 0)
		r = allocators_read(&space, 0, may_stop ? pid : 0, &arenas);
	if (r < 0 || !arenas)
		return r;
	arenas_free(profile->arenas);
	profile->arenas = arenas;
	profile_count_before_attach(profile);
	return leave_ranges(&space, profile);
}

/* Whether a second reading may be better. memtrace's own allocator does not need it. */
static bool is_torn(const struct arenas *arenas)
{
	bool torn = false;

	for (size_t i = 0; arenas && i < arenas->n_arenas; i++) {
		const struct arena *arena = &arenas->arenas[i];

		if (arena->allocator != ARENAS_GLIBC)
			return false;
		torn |= !arena_is_read(arena);
	}
	return torn || (arenas && arenas->refused);
}

int inspect_again(struct profile *profile, bool may_stop)
{
	int r = 0;

	if (profile->process.state != PROFILE_RUNNING)
		return 0;
	for (int i = 0; i < MORE_ATTEMPTS && r != -ENOMEM && !profile->arenas; i++)
		r = read_arenas(profile, false);
	if (r != -ENOMEM && may_stop && is_torn(profile->arenas))
		r = read_arenas(profile, true);
	return r == -ENOMEM ? r : 0;
}

int inspect_plain(const struct origin *origin, struct profile **ret)
{
	_cleanup_(profile_freep) struct profile *profile = profile_new();
	int r;

	if (!profile)
		return -ENOMEM;
	if (!origin->has_info)
		return -ESRCH;
	r = subject_describe_plain(&origin->info, clock_s(CLOCK_REALTIME), profile);
	if (r < 0)
		return r;
	profile->process.pid = (uint32_t)origin->pid;
	r = inspect_process(origin->pid, NULL, profile);
	if (r < 0)
		return r;
	/* nothing was seen but the process itself */
	if (!profile->maps_text)
		return -EPERM;
	*ret = TAKE_PTR(profile);
	return 0;
}
