/* SPDX-License-Identifier: MIT */
/*
 * space.c: see the header.
 */
#include "process/space.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"

void space_deinit(struct space *space)
{
	memory_free(space->memory);
	core_free(space->core);
	maps_deinit(&space->own_maps);
	procinfo_deinit(&space->own_info);
	free(space->tids);
	*space = (struct space){0};
}

static int list_threads(struct space *space)
{
	_cleanup_free_ struct procinfo_thread *threads = NULL;
	size_t n;
	int r;

	r = procinfo_read_threads(space->pid, &threads, &n);
	if (r < 0)
		return r;
	space->tids = calloc(n + 1, sizeof(*space->tids));
	if (!space->tids)
		return -ENOMEM;
	for (; space->n_tids < n; space->n_tids++)
		space->tids[space->n_tids] = (uint32_t)threads[space->n_tids].tid;
	return 0;
}

/* own_maps and own_info move with the struct, so the pointers are set where it has come to rest. */
static void hand_over(struct space *from, struct space *ret)
{
	*ret = *from;
	ret->maps = ret->core ? core_maps(ret->core) : &ret->own_maps;
	ret->info = ret->core ? core_info(ret->core) : &ret->own_info;
	*from = (struct space){0};
}

int space_open_pid(pid_t pid, bool usage, struct space *ret)
{
	_cleanup_(space_deinit) struct space space = {.pid = pid};
	int r;

	r = memory_open_pid(pid, &space.memory);
	if (r < 0)
		return r;
	r = usage ? procinfo_read(pid, &space.own_info) : procinfo_read_brief(pid, &space.own_info);
	if (r < 0)
		return r;
	r = maps_read(pid, usage, &space.own_maps);
	if (r < 0)
		return r;
	r = list_threads(&space);
	if (r < 0)
		return r;
	hand_over(&space, ret);
	return 0;
}

int space_open_core(const char *path, const char *exe, bool usage, struct space *ret)
{
	_cleanup_(space_deinit) struct space space = {};
	const struct core_thread *threads;
	size_t n;
	int r;

	r = core_open(path, exe, &space.core);
	if (r < 0)
		return r;
	r = usage ? core_measure(space.core) : 0;
	if (r < 0)
		return r;
	r = memory_open_core(space.core, &space.memory);
	if (r < 0)
		return r;
	threads = core_threads(space.core, &n);
	space.tids = calloc(n + 1, sizeof(*space.tids));
	if (!space.tids)
		return -ENOMEM;
	for (; space.n_tids < n; space.n_tids++)
		space.tids[space.n_tids] = (uint32_t)threads[space.n_tids].tid;
	hand_over(&space, ret);
	return 0;
}
