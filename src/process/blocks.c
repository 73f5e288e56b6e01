/* SPDX-License-Identifier: MIT */
/*
 * blocks.c: see the header. A program may have more than one allocator: the fast one that it was started
 * with, and libc's, from which plugins take what they link directly.
 */
#include "process/blocks.h"

#include <errno.h>

#include "process/fast-blocks.h"
#include "process/glibc-arenas.h"

/* jemalloc, tcmalloc and mimalloc are read as sums over runs of pages */
const char blocks_none_why[] =
	"only blocks of glibc's allocator and of memtrace's own can be told one by one";

int blocks_visit(const struct space *space, const struct blocks_options *options,
		 arenas_visit visit, void *userdata, char **ret_why)
{
	const struct glibc_target glibc = {
		.memory = space->memory,
		.maps = space->maps,
		.tids = space->tids,
		.n_tids = space->n_tids,
		.pid = options->no_stop ? 0 : space->pid,
	};
	int fast = -ENOTSUP, r;

	if (options->fast_root)
		fast = fast_blocks_visit(options->fast_root, space->maps, space->memory, visit,
					 userdata, ret_why);
	if (fast && fast != -ENOTSUP)
		return fast;
	r = glibc_arenas_visit(&glibc, visit, userdata);
	return r == -ENOTSUP ? fast : r;
}
