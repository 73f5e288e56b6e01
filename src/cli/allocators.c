/* SPDX-License-Identifier: MIT */
/*
 * allocators.c: see the header.
 */
#include "cli/allocators.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "process/fast-arenas.h"
#include "process/foreign.h"
#include "process/glibc-arenas.h"

int allocators_read(const struct space *space, uint64_t heap_root, pid_t may_stop,
		    struct arenas **ret)
{
	struct pause_tally pauses = {};
	const struct glibc_target glibc = {space->memory, space->maps, space->tids,
					   space->n_tids, may_stop,    &pauses};
	_cleanup_(arenas_freep) struct arenas *arenas = calloc(1, sizeof(*arenas));
	int r = 0;

	if (!arenas)
		return -ENOMEM;
	arenas->mmap_threshold = arenas->trim_threshold = arenas->n_mmaps = ARENAS_UNKNOWN;
	if (heap_root)
		r = fast_arenas_read(heap_root, space->maps, space->memory, arenas);
	if (r >= 0 && !arenas->refused)
		r = glibc_arenas_read(&glibc, arenas);
	arenas->n_stops = pauses.n;
	arenas->longest_stop_ns = pauses.longest_ns;
	if (r >= 0 && !heap_root)
		r = foreign_read(space, may_stop, arenas);
	if (r < 0 || (arenas->n_arenas == 0 && !arenas->refused && !arenas->unused)) {
		*ret = NULL;
		return r == -ENOMEM ? r : 0;
	}
	*ret = TAKE_PTR(arenas);
	return 0;
}
