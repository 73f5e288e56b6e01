/* SPDX-License-Identifier: MIT */
/*
 * outbox.h: what a thread frees of a class of which it holds enough. Blocks stand in an array and are not
 * touched, because they are seldom in the processor's cache by then.
 *
 * Blocks in it count as capacity of the class's list that is used up: see published.h. The cache is entered,
 * except in outbox_send.
 */
#ifndef HEAP_OUTBOX_H
#define HEAP_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "heap/published.h"

/* Puts a block into an empty one. False if it is not, or if there is no memory for one. */
bool outbox_put(struct threadcache *cache, unsigned class, void *block);

/* What is in it goes to the central tier. */
void outbox_flush(struct threadcache *cache, unsigned class);

/* Empties all; what was in them is lost. */
void outbox_forget(struct threadcache *cache);

/*
 * The fast path of free, where the class's list is full: there is something in its outbox, and room. A block
 * that a signal handler frees while the outbox is emptied does not come in: its top is 0 by then.
 */
static _always_inline_ bool outbox_send(struct threadcache *cache, unsigned class, void *block)
{
	struct threadcache_outbox *outbox = cache->outboxes[class];
	size_t top;

	if (unlikely(!outbox))
		return false;
	top = outbox->top;
	if (unlikely(top <= 1))
		return false;
	top--;
	outbox->top = (uint32_t)top;
	outbox->blocks[top - 1] = block;
	cache->bins[class].capacity++;
	return true;
}

#endif
