/* SPDX-License-Identifier: MIT */
/*
 * allocators.h: what the allocators of a process hold, of whichever kind they are.
 */
#ifndef CLI_ALLOCATORS_H
#define CLI_ALLOCATORS_H

#include <stdint.h>
#include <sys/types.h>

#include "process/arenas.h"
#include "process/space.h"

/*
 * heap_root: where the agent's region says that memtrace's allocator is; 0 if nowhere.
 * may_stop: the process, if its threads may be stopped for some milliseconds where an arena changes
 * faster than it can be read; else 0. Arenas that cannot be read are left out, and refused says so.
 * *ret is NULL if there is nothing to say. -ENOMEM.
 */
int allocators_read(const struct space *space, uint64_t heap_root, pid_t may_stop,
		    struct arenas **ret);

#endif
