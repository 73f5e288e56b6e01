/* SPDX-License-Identifier: MIT */
/*
 * picks.c: the slow half of picks.h. Words behind the first stand apart, for the few classes that have so many blocks
 * in a span.
 */
#include "heap/picks.h"

#include "heap/central.h"

#define N_NEXT (SPAN_BITMAP_WORDS - 1)

static uint64_t *next_of(struct threadcache *cache, unsigned class)
{
	return class < PICKS_WIDE ? cache->picks_next[class] : NULL;
}

void *picks_take_slow(struct threadcache *cache, unsigned class)
{
	struct threadcache_bin *bin = &cache->bins[class];
	uint64_t *next = next_of(cache, class);
	unsigned n = 0;

	if (!bin->picks && next) {
		while (n < N_NEXT && !next[n])
			n++;
		if (n == N_NEXT)
			return NULL;
		bin->start += (n + 1) * 64ul * sizeclass_get(class)->size;
		/* a signal handler finds no bits, or those that belong there */
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		bin->picks = next[n];
		for (unsigned i = 0; i < N_NEXT; i++)
			next[i] = n + 1 + i < N_NEXT ? next[n + 1 + i] : 0;
	}
	return bin->picks ? picks_pop(bin, class) : NULL;
}

void *picks_begin(struct threadcache *cache, unsigned class, const struct span_pick *from)
{
	const size_t size = sizeclass_get(class)->size;
	struct threadcache_bin *bin = &cache->bins[class];
	uint64_t *next = next_of(cache, class);
	unsigned word = 0;
	uint64_t bits;

	while (!from->bits[word])
		word++;
	for (unsigned i = 0; next && i < N_NEXT; i++)
		next[i] = word + 1 + i < SPAN_BITMAP_WORDS ? from->bits[word + 1 + i] : 0;
	bits = from->bits[word];
	bin->start = from->start + word * 64 * size;
	cache->has_picks = 1;
	/* from here on a signal handler may take some: one is for the caller */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	bin->picks = bits & (bits - 1);
	return (void *)(bin->start + (size_t)__builtin_ctzll(bits) * size);
}

unsigned picks_flush_slow(struct threadcache *cache, unsigned class)
{
	struct threadcache_bin *bin = &cache->bins[class];
	struct span_pick rest = {.start = bin->start};
	uint64_t *next = next_of(cache, class), any;

	/* in one instruction: a signal handler takes a block before or not at all */
	any = rest.bits[0] = __atomic_exchange_n(&bin->picks, 0, __ATOMIC_RELAXED);
	for (unsigned i = 0; next && i < N_NEXT; i++) {
		any |= rest.bits[i + 1] = next[i];
		next[i] = 0;
	}
	return any ? central_unpick(class, &rest) : 0;
}
