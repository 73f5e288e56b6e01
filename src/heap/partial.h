/* SPDX-License-Identifier: MIT */
/* partial.h: the lists of a central list's spans by how full they are. Under its lock. */
#ifndef HEAP_PARTIAL_H
#define HEAP_PARTIAL_H

#include "heap/published.h"

/* Adds to the number of blocks, which threads look at without the lock. */
static inline void partial_count(struct central *central, uint64_t n)
{
	__atomic_store_n(&central->n_blocks, central->n_blocks + n, __ATOMIC_RELAXED);
}

/* Puts the span on the list where it belongs, or on none. */
void partial_settle(struct central *central, struct span *span, unsigned n_blocks);

/*
 * A span for the thread with that number (what takes blocks writes it to the span's owner): one of its own if
 * that is soon found. One of others only where more than half of the class's blocks are free, which bounds what is
 * lost by it, and then one of the emptiest. NULL if a new one is better.
 */
struct span *partial_own(const struct central *central, uint32_t owner);

/* One of the spans with the fewest free blocks; NULL if there is none with any. */
struct span *partial_fullest(const struct central *central);

#endif
