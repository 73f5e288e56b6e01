/* SPDX-License-Identifier: MIT */
/*
 * outbox.h: what a thread frees of a class of which it holds enough. Blocks stand in an array and are not
 * touched, because they are seldom in the processor's cache by then.
 *
 * The cache is entered, except in outbox_send.
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
	struct threadcache_bin *bin = &cache->bins[class];
	size_t top = bin->top;

	/* one subtraction also compares */
	if (unlikely(__builtin_sub_overflow(top, 1, &top)))
		return false;
	bin->top = (uint8_t)top;
	cache->outboxes[class]->blocks[top] = block;
	return true;
}

#endif
