/* SPDX-License-Identifier: MIT */
/*
 * fast-arenas.h: what memtrace's own allocator holds in a process, read from outside as heap/published.h
 * lays it out.
 */
#ifndef PROCESS_FAST_ARENAS_H
#define PROCESS_FAST_ARENAS_H

#include <stdint.h>

#include "process/arenas.h"
#include "process/maps.h"
#include "process/memory.h"

/*
 * Adds two arenas: the heap, and the blocks with a mapping of their own if there are any. root is where
 * the agent's region says that the heap's root is. Nothing is added if the heap was never used. A heap of
 * another version, or one that does not validate, is not read: 0, and arenas->refused says so. A
 * process that allocates meanwhile is read with what changes in it counted before or after the change.
 *
 * In use are blocks with their rounding; metadata is what is kept beside them, and the ends of
 * spans that no block fits. Where blocks in caches of threads and in batches between them are too
 * many to be followed, or move meanwhile, they are taken to lie evenly among the spans of their
 * class. A pin is a size class: the blocks in spans that are nearly empty, and what those spans
 * hold. -ENOMEM; -ESRCH, -EFAULT if the process is gone.
 */
int fast_arenas_read(uint64_t root, const struct maps *maps, struct memory *memory,
		     struct arenas *arenas);

#endif
