/* SPDX-License-Identifier: MIT */
/*
 * picks.h: blocks that a thread took from a span as the span has them, as bits, and hands out one by one.
 *
 * A thread that allocates much more than it frees takes half a span or a whole one at a time. To link its blocks
 * would bring each of them from memory, once now and once more when it is handed out; a bit costs a few
 * instructions, and is looked at when its turn comes.
 *
 * The cache is entered, except in picks_pop.
 */
#ifndef HEAP_PICKS_H
#define HEAP_PICKS_H

#include <stddef.h>
#include <stdint.h>

#include "heap/published.h"
#include "heap/sizeclass.h"
#include "heap/span.h"

/* Blocks: how far before its turn one is fetched. A processor that has other work, too, has to get it from far away. */
#define PICKS_AHEAD 32u

/* The next block of the first word, where one is left. It counts as cached until the caller says that it is not. */
static _always_inline_ void *picks_pop(struct threadcache_bin *bin, unsigned class)
{
	const size_t size = sizeclass_get(class)->size;
	const uint64_t bits = bin->picks;
	char *block;

	block = (char *)bin->start + (size_t)__builtin_ctzll(bits) * size;
	if (!block)
		__builtin_unreachable(); /* nobody has to ask */
	__builtin_prefetch(block + PICKS_AHEAD * size, 1);
	bin->picks = bits & (bits - 1);
	return block;
}

/* The same where the word may be empty and others follow. */
void *picks_take_slow(struct threadcache *cache, unsigned class);
static inline void *picks_take(struct threadcache *cache, unsigned class)
{
	return cache->has_picks ? picks_take_slow(cache, class) : NULL;
}

/* Takes over what came from a span, where nothing was left. Returns one of its blocks, which does not count as cached. */
void *picks_begin(struct threadcache *cache, unsigned class, const struct span_pick *from);

/* What is left goes back to its span. Returns how many blocks. */
unsigned picks_flush_slow(struct threadcache *cache, unsigned class);
static inline unsigned picks_flush(struct threadcache *cache, unsigned class)
{
	return cache->has_picks ? picks_flush_slow(cache, class) : 0;
}

#endif
