/* SPDX-License-Identifier: MIT */
/*
 * blocks.h: every block of the program's allocators, whichever they are.
 */
#ifndef PROCESS_BLOCKS_H
#define PROCESS_BLOCKS_H

#include "process/arenas.h"
#include "process/space.h"

struct blocks_options {
	uint64_t
		fast_root; /* of memtrace's allocator, from the agent's region; 0: it is not there */
	bool no_stop;      /* no thread is stopped, even where a heap changes too quickly */
};

/* Why there are no blocks, where nothing else is known. */
extern const char blocks_none_why[];

/*
 * Calls visit for each block, used and free: 0, what visit returned, or -errno. -ENOTSUP if no allocator
 * could be read; why, if it is known, is a sentence in ret_why, which the caller frees.
 */
int blocks_visit(const struct space *space, const struct blocks_options *options,
		 arenas_visit visit, void *userdata, char **ret_why);

#endif
