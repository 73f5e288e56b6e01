/* SPDX-License-Identifier: MIT */
/*
 * putback-runs.c: see putback-runs.h. First all runs are looked up, then their bits are set, as in putback.c.
 */
#include "heap/putback-runs.h"

#include "heap/heap.h"
#include "heap/putback.h"
#include "heap/span.h"

#define RUN_MAX 64u /* blocks: mark_run */

/* Where blocks that lie side by side are: as many as n from index on, in the order of memory. */
struct spot {
	uint32_t span;
	uint16_t index, n;
};

/* How many of n blocks follow each other as the first two do, without leaving the target. */
static _noinline_ unsigned run_of(const struct putback_target *target, void *const *blocks,
				  unsigned n, size_t size)
{
	const uintptr_t first = (uintptr_t)blocks[0], step = (uintptr_t)blocks[1] - first;
	const size_t inside = first - target->start;
	const size_t n_left = (step == size ? target->size - inside : inside + size) / size;
	const unsigned most = (unsigned)MIN(MIN(n, RUN_MAX), n_left);
	uintptr_t next = first;
	unsigned k = 0;

	do
		next += step;
	while (++k < most && (uintptr_t)blocks[k] == next);
	return k;
}

/*
 * Fills spots, and returns how many, of blocks that mostly lie side by side. ret_n is the number of blocks in
 * them; fewer than n with an enum heap_error.
 */
static unsigned locate_runs(const struct putback_facts *facts, void *const *blocks, unsigned n,
			    struct spot *spots, unsigned *ret_n, int *ret_error)
{
	const uint32_t size = facts->sizeclass->size;
	struct putback_target target = {.size = (size_t)facts->sizeclass->n_blocks * size};
	unsigned n_spots = 0, i = 0;

	while (i < n) {
		size_t inside = (uintptr_t)blocks[i] - target.start;
		unsigned run = 1;
		uint32_t index;

		if (inside >= target.size) {
			*ret_error = putback_enter(&target, facts->class, blocks[i]);
			if (unlikely(*ret_error >= 0))
				break;
			inside = (uintptr_t)blocks[i] - target.start;
		}
		index = sizeclass_index(facts->sizeclass, inside);
		if (unlikely((size_t)index * size != inside)) {
			*ret_error = HEAP_ERROR_MISALIGNED;
			break;
		}
		if (i + 1 < n &&
		    putback_touch((uintptr_t)blocks[i], (uintptr_t)blocks[i + 1], size)) {
			run = run_of(&target, &blocks[i], n - i, size);
			/* downwards, the first one is the last in memory */
			index -= blocks[i + 1] < blocks[i] ? run - 1 : 0;
		}
		spots[n_spots++] = (struct spot){target.span, (uint16_t)index, (uint16_t)run};
		i += run;
	}
	*ret_n = i;
	return n_spots;
}

/* Sets the bits of a run; false, and none of them, if one was set. It lies in two words at most. */
static _noinline_ bool mark_run(uint64_t *word, unsigned shift, unsigned n)
{
	const uint64_t bits = ~0ull >> (64 - n);
	const uint64_t low = bits << shift, high = bits >> 1 >> (63 - shift);

	if (*word & low || (high && word[1] & high))
		return false;
	*word |= low;
	if (high)
		word[1] |= high;
	return true;
}

static _always_inline_ bool mark(struct span *span, const struct spot *spot)
{
	if (spot->n > 1)
		return mark_run(&span->free[spot->index / 64], spot->index % 64, spot->n);
	return span_mark(span, spot->index);
}

/* The same block by block, of a run that has one which is free already. Returns how many come before that. */
static _noinline_ unsigned mark_before(struct span *span, const struct sizeclass *sizeclass,
				       void *const *blocks)
{
	for (unsigned i = 0;; i++) {
		const size_t inside = (uintptr_t)blocks[i] - span_block(span);

		if (!span_mark(span, sizeclass_index(sizeclass, inside)))
			return i;
	}
}

/*
 * Marks what is in the spots. Returns how many blocks, fewer than there are if one of them is free already.
 * Totals wait in registers: added up in memory, each block would wait for the one before.
 */
static unsigned enter_all(struct central *central, const struct putback_facts *facts,
			  const struct spot *spots, unsigned n_spots, void *const *blocks,
			  uint32_t *empties)
{
	struct span *spans = span_at(0);
	unsigned n_done = 0, n_counted = 0;

	for (unsigned i = 0; i < n_spots; i++) {
		struct span *span = &spans[spots[i].span];
		unsigned n_marked = spots[i].n, n_free;

		if (unlikely(!mark(span, &spots[i]))) {
			n_marked = mark_before(span, facts->sizeclass, &blocks[n_done]);
			n_spots = 0;
		}
		n_done += n_marked;
		n_free = span->n_free + n_marked;
		span->n_free = (uint16_t)n_free;
		if (unlikely(n_free >= facts->limits[span->list])) {
			central->n_free += n_done - n_counted;
			n_counted = n_done;
			putback_settle(central, span, facts->sizeclass, empties);
		}
	}
	central->n_free += n_done - n_counted;
	return n_done;
}

int putback_runs(struct central *central, const struct putback_facts *facts, void *const *blocks,
		 unsigned n, unsigned *ret_n_done, uint32_t *empties)
{
	struct spot spots[PUTBACK_MAX];
	unsigned n_located, n_spots;
	int error = -1;

	n_spots = locate_runs(facts, blocks, n, spots, &n_located, &error);
	*ret_n_done = enter_all(central, facts, spots, n_spots, blocks, empties);
	return *ret_n_done < n_located ? HEAP_ERROR_DOUBLE_FREE : error;
}
