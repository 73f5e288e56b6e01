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

/* Puts a block in, where there may be nothing yet. False if it is full, or if there is no memory for one. */
bool outbox_put(struct threadcache *cache, unsigned class, void *block);

/* What is in it goes to the central tier. */
void outbox_flush(struct threadcache *cache, unsigned class);

/* Empties all; what was in them is lost. */
void outbox_forget(struct threadcache *cache);

/*
 * The fast path of free: the class's list is full, which is known because something is in its outbox, and there
 * is room in that.
 */
static _always_inline_ bool outbox_send(struct threadcache *cache, unsigned class, void *block)
{
	struct threadcache_bin *bin = &cache->bins[class];
	struct threadcache_outbox *outbox = cache->outboxes ? cache->outboxes[class] : NULL;

	/* as unsigned numbers: not if it is empty */
	if (!outbox || outbox->n - 1 >= outbox->limit - 1 || bin->room || bin->head == block ||
	    cache->busy)
		return false;
	outbox->blocks[outbox->n++] = block;
	bin->capacity++;
	return true;
}

#endif
