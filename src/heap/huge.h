/* SPDX-License-Identifier: MIT */
/*
 * huge.h: blocks with a mapping of their own, outside the heap's range. They go back to the kernel as a
 * whole when they are freed, and are resized by moving page tables instead of bytes.
 */
#ifndef HEAP_HUGE_H
#define HEAP_HUGE_H

#include <stdbool.h>
#include <stddef.h>

#include "heap/span.h"

/* A block of size bytes, rounded up to pages, zeroed, align a power of two. NULL if there is no memory. */
struct span *huge_alloc(size_t size, size_t align);

/* The block that begins there, NULL if there is none. */
struct span *huge_find(const void *address);

void huge_free(struct span *span);

/*
 * Whether a huge block that was freed not long ago began there, and nothing has been mapped there since:
 * so its address can only have been kept.
 */
bool huge_was_freed(const void *address);

/* Resizes the block, which may move; false if it cannot be done, when nothing has changed. */
bool huge_resize(struct span *span, size_t size);

/* For rebuild.c: forgets all blocks; enters one again. */
void huge_reset(void);
void huge_adopt(struct span *span);

/* For fork.c. */
struct lock *huge_lock(void);

#endif
