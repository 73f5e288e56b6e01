/* SPDX-License-Identifier: MIT */
/*
 * putback.c: where a block is, and its bit.
 *
 * Blocks of a program that frees in no order lie in a different span each. So first all of them are
 * looked up, and then all bits are set: while stores to one span go on, the processor does not dare to
 * read the next one's facts early, and each block would cost the whole way from its address to its bit.
 * Looked up beforehand, they overlap. Those that were freed in the order of memory, up or down, as the first two
 * of them tell, are looked up as one run: then a block costs a comparison.
 */
#include "heap/putback.h"

#include "heap/heap.h"
#include "heap/pagemap.h"
#include "heap/partial.h"

#define RUN_MAX    64u /* blocks: mark_run */
#define KEEP_PAGES 8u
/* Spans for single blocks made since the last visit: from then on making them costs more than keeping one. */
#define KEEP_MADE  4u

/* What putting blocks back needs to know about the class. */
struct facts {
	const struct sizeclass *sizeclass;
	unsigned class;
	/* by the list that a span is on: as many free blocks as it has to have to leave it */
	uint16_t limits[CENTRAL_LISTS + 1];
};

static struct facts facts_of(unsigned class)
{
	const struct sizeclass *sizeclass = sizeclass_get(class);
	const unsigned n = sizeclass->n_blocks;

	return (struct facts){
		.sizeclass = sizeclass,
		.class = class,
		.limits = {1, (uint16_t)(n / 4 + 1), (uint16_t)(n / 2 + 1),
			   (uint16_t)(n * 3 / 4 + 1), (uint16_t)n},
	};
}

void putback_retire(struct central *central, struct span *span, uint32_t *empties)
{
	const struct sizeclass *sizeclass = sizeclass_get(span->class);

	span_unlink(&central->partial[span->list - 1], span);
	central->n_spans--;
	partial_count(central, -(uint64_t)sizeclass->n_blocks);
	central->n_free -= sizeclass->n_blocks;
	pagemap_clear_class(span);
	span->next = *empties;
	*empties = span_index(span);
}

/* A span without a block in use is not the last one that the class keeps for the next block, or too long for that. */
static bool is_spare(const struct central *central, const struct sizeclass *sizeclass)
{
	return central->n_free > sizeclass->n_blocks || sizeclass->n_pages > KEEP_PAGES;
}

/* The span has as many free blocks that it belongs on another list, or back to the page heap. */
static _noinline_ void promote(struct central *central, struct span *span,
			       const struct facts *facts, uint32_t *empties)
{
	const unsigned n_blocks = facts->sizeclass->n_blocks;

	partial_settle(central, span, n_blocks);
	if (span->n_free == n_blocks && is_spare(central, facts->sizeclass))
		putback_retire(central, span, empties);
}

/* Where blocks that lie side by side are: as many as n from index on, in the order of memory. */
struct spot {
	uint32_t span;
	uint16_t index, n;
};

/* The span that a block was found in: the next one is often in it, too. */
struct target {
	uintptr_t start;
	size_t size; /* bytes of its blocks */
	uint32_t span;
};

/* Makes the span of a block the target. Returns an enum heap_error, or -1 if all is well. */
static _always_inline_ int enter(struct target *target, unsigned class, const void *block)
{
	const size_t offset = pagemap_offset(block);
	const struct span *span;

	if (unlikely(!pagemap_has(offset)))
		return HEAP_ERROR_CORRUPT;
	span = pagemap_span(offset >> HEAP_PAGE_SHIFT);
	/* the other free of it made its span free as a whole */
	if (unlikely(!span || span->state != SPAN_SMALL))
		return HEAP_ERROR_DOUBLE_FREE;
	if (unlikely(span->class != class))
		return HEAP_ERROR_CORRUPT;
	target->start = span_block(span);
	target->span = span_index(span);
	return (uintptr_t)block - target->start < target->size ? -1 : HEAP_ERROR_MISALIGNED;
}

/* Whether two blocks lie side by side. */
static _always_inline_ bool touch(uintptr_t block, uintptr_t next, uint32_t size)
{
	return next - block == size || block - next == size;
}

/* How many of n blocks follow each other as the first two do, without leaving the target. */
static _noinline_ unsigned run_of(const struct target *target, void *const *blocks, unsigned n,
				  size_t size)
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
static unsigned locate_runs(const struct facts *facts, void *const *blocks, unsigned n,
			    struct spot *spots, unsigned *ret_n, int *ret_error)
{
	const uint32_t size = facts->sizeclass->size;
	struct target target = {.size = (size_t)facts->sizeclass->n_blocks * size};
	unsigned n_spots = 0, i = 0;

	while (i < n) {
		size_t inside = (uintptr_t)blocks[i] - target.start;
		unsigned index, run = 1;

		if (inside >= target.size) {
			*ret_error = enter(&target, facts->class, blocks[i]);
			if (unlikely(*ret_error >= 0))
				break;
			inside = (uintptr_t)blocks[i] - target.start;
		}
		index = sizeclass_index(facts->sizeclass, inside);
		if (unlikely((size_t)index * size != inside)) {
			*ret_error = HEAP_ERROR_MISALIGNED;
			break;
		}
		if (i + 1 < n && touch((uintptr_t)blocks[i], (uintptr_t)blocks[i + 1], size)) {
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

/* Why a block is in no spot. */
static _noinline_ int refuse(const struct facts *facts, const void *block)
{
	struct target target = {.size = (size_t)facts->sizeclass->n_blocks *
					facts->sizeclass->size};
	const int error = enter(&target, facts->class, block);

	return error < 0 ? HEAP_ERROR_MISALIGNED : error;
}

/*
 * The same of blocks that lie anywhere, each in a spot of its own, of a class whose spans begin with a block (shift 0).
 * Returns how many before one that is in none.
 */
static unsigned locate_each(const struct facts *facts, void *const *blocks, unsigned n,
			    struct spot *spots)
{
	/* copies: no store to a spot can change them */
	const struct sizeclass sizeclass = *facts->sizeclass;
	const unsigned class = facts->class;
	const uintptr_t base = heap_published.base;
	const size_t used = __atomic_load_n(&heap_published.used, __ATOMIC_RELAXED);
	const uint32_t *span_of = pagemap_slot(0);
	const struct span *spans = span_at(0);

	for (unsigned i = 0; i < n; i++) {
		const size_t offset = (uintptr_t)blocks[i] - base;
		const struct span *span;
		uint32_t span_index, index;
		size_t inside;

		if (unlikely(offset >= used))
			return i;
		span_index = __atomic_load_n(&span_of[offset >> HEAP_PAGE_SHIFT], __ATOMIC_RELAXED);
		/* the entry of no span is not SPAN_SMALL */
		span = &spans[span_index];
		inside = offset - ((size_t)span->page << HEAP_PAGE_SHIFT);
		index = sizeclass_index(&sizeclass, inside);
		if (unlikely(span->state != SPAN_SMALL || span->class != class ||
			     index >= sizeclass.n_blocks ||
			     (size_t)index * sizeclass.size != inside))
			return i;
		spots[i] = (struct spot){span_index, (uint16_t)index, 1};
	}
	return n;
}

static unsigned locate(const struct facts *facts, void *const *blocks, unsigned n,
		       struct spot *spots, unsigned *ret_n, int *ret_error)
{
	if (facts->sizeclass->n_blocks == 1 ||
	    (n > 1 && touch((uintptr_t)blocks[0], (uintptr_t)blocks[1], facts->sizeclass->size)))
		return locate_runs(facts, blocks, n, spots, ret_n, ret_error);
	*ret_n = locate_each(facts, blocks, n, spots);
	if (unlikely(*ret_n < n))
		*ret_error = refuse(facts, blocks[*ret_n]);
	return *ret_n;
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
	const unsigned shift = spot->index % 64;
	uint64_t *word = &span->free[spot->index / 64];

	if (spot->n > 1)
		return mark_run(word, shift, spot->n);
	if (unlikely(*word >> shift & 1))
		return false;
	*word |= 1ull << shift;
	return true;
}

/* The same block by block, of a run that has one which is free already. Returns how many come before that. */
static _noinline_ unsigned mark_before(struct span *span, const struct sizeclass *sizeclass,
				       void *const *blocks)
{
	for (unsigned i = 0;; i++) {
		const size_t inside = (uintptr_t)blocks[i] - span_block(span);
		const uint32_t index = sizeclass_index(sizeclass, inside);
		const uint64_t bit = 1ull << (index % 64);

		if (span->free[index / 64] & bit)
			return i;
		span->free[index / 64] |= bit;
	}
}

/*
 * Marks what is in the spots. Returns how many blocks, fewer than there are if one of them is free already.
 * Totals wait in registers: added up in memory, each block would wait for the one before.
 */
static unsigned enter_all(struct central *central, const struct facts *facts,
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
			promote(central, span, facts, empties);
		}
	}
	central->n_free += n_done - n_counted;
	return n_done;
}

int putback(struct central *central, unsigned class, void *const *blocks, unsigned n,
	    unsigned *ret_n_done, uint32_t *empties)
{
	const struct facts facts = facts_of(class);
	struct spot spots[PUTBACK_MAX];
	unsigned n_located, n_spots;
	int error = -1;

	n_spots = locate(&facts, blocks, n, spots, &n_located, &error);
	*ret_n_done = enter_all(central, &facts, spots, n_spots, blocks, empties);
	return *ret_n_done < n_located ? HEAP_ERROR_DOUBLE_FREE : error;
}

/* It was one of few that are recorded: nobody waits for its span, unless they are made over and over. */
static bool is_over(const struct central *central, const struct span *span,
		    const struct sizeclass *sizeclass)
{
	return span->n_free == sizeclass->n_blocks &&
	       (central->n_made < KEEP_MADE || is_spare(central, sizeclass));
}

int putback_one(struct central *central, unsigned class, void *block, uint32_t *empties)
{
	const struct sizeclass *sizeclass = sizeclass_get(class);
	struct target target = {.size = (size_t)sizeclass->n_blocks * sizeclass->size};
	const int error = enter(&target, class, block);
	struct span *span;
	unsigned index;

	if (unlikely(error >= 0))
		return error;
	index = sizeclass_index(sizeclass, (uintptr_t)block - target.start);
	if (unlikely((size_t)index * sizeclass->size != (uintptr_t)block - target.start))
		return HEAP_ERROR_MISALIGNED;
	span = span_at(target.span);
	if (unlikely(!mark(span, &(struct spot){target.span, (uint16_t)index, 1})))
		return HEAP_ERROR_DOUBLE_FREE;
	span->n_free++;
	central->n_free++;
	partial_settle(central, span, sizeclass->n_blocks);
	if (is_over(central, span, sizeclass))
		putback_retire(central, span, empties);
	return -1;
}
