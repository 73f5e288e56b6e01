/* SPDX-License-Identifier: MIT */
/*
 * allocators.c: see the header.
 */
#include "cli/allocators.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "process/glibc-arenas.h"

int allocators_read(struct memory *memory, const struct maps *maps, const uint32_t *tids,
		    size_t n_tids, pid_t may_stop, struct arenas **ret)
{
	const struct glibc_target glibc = {memory, maps, tids, n_tids, may_stop};
	_cleanup_free_ struct arenas *arenas = calloc(1, sizeof(*arenas));
	int r;

	if (!arenas)
		return -ENOMEM;
	arenas->mmap_threshold = arenas->trim_threshold = arenas->n_mmaps = ARENAS_UNKNOWN;
	r = glibc_arenas_read(&glibc, arenas);
	if (r < 0 || (arenas->n_arenas == 0 && !arenas->refused)) {
		arenas_deinit(arenas);
		*ret = NULL;
		return r == -ENOMEM ? r : 0;
	}
	*ret = TAKE_PTR(arenas);
	return 0;
}
