/* SPDX-License-Identifier: MIT */
/*
 * fast-blocks.h: every block of memtrace's own allocator in another process.
 */
#ifndef PROCESS_FAST_BLOCKS_H
#define PROCESS_FAST_BLOCKS_H

#include "process/arenas.h"
#include "process/maps.h"
#include "process/memory.h"

/*
 * Calls visit for each block, used and free, in order of address; arena is 0. Runs of free pages are one
 * free block each. Where lists of free blocks change while they are followed, some blocks count as used
 * that are free. 0, what visit returned, or -errno; -ENOTSUP if the heap was never used or cannot be read,
 * and then ret_why, which the caller frees, may say why.
 */
int fast_blocks_visit(uint64_t root, const struct maps *maps, struct memory *memory,
		      arenas_visit visit, void *userdata, char **ret_why);

#endif
