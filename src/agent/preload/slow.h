/* SPDX-License-Identifier: MIT */
/*
 * slow.h: the slow halves of malloc, calloc, realloc, their aligned kin, and free.
 *
 * The first three are reached by a jump from functions that have no frame of their own, so that the recorder can
 * begin at the frame of the program: slow-*.S adds to their arguments what the program's stack pointer and frame
 * pointer are when the allocation function has returned, and where it returns to. If they were called
 * after all, pc is in the agent, and is not believed.
 */
#ifndef AGENT_PRELOAD_SLOW_H
#define AGENT_PRELOAD_SLOW_H

#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

/* The heap's hooks for blocks that are recorded. */
_hidden_ uint32_t slow_allocated(void *block, size_t size, int64_t *ret_next);
_hidden_ void slow_freed(void *block, uint32_t tag);

/* As malloc, calloc, and realloc of a block. In slow-*.S. */
_hidden_ void *slow_malloc(size_t size);
_hidden_ void *slow_calloc(size_t n, size_t size);
_hidden_ void *slow_realloc(void *block, size_t size);

/* What they go on to. */
_hidden_ void *slow_malloc_for(size_t size, uintptr_t sp, uintptr_t fp, uintptr_t pc);
_hidden_ void *slow_calloc_for(size_t n, size_t size, uintptr_t sp, uintptr_t fp, uintptr_t pc);
_hidden_ void *slow_realloc_for(void *block, size_t size, uintptr_t sp, uintptr_t fp, uintptr_t pc);

/* As memalign, of the heap: align is a power of two. */
_hidden_ void *slow_aligned(size_t align, size_t size);

/* As free. */
_hidden_ void slow_free(void *block);

/*
 * The heap counts the bytes of a sample from 1, the core from 0: a countdown of the one is one more than
 * that of the other.
 */
static _always_inline_ int64_t slow_countdown(int64_t distance)
{
	return distance == INT64_MAX ? distance : distance + 1;
}

#endif
