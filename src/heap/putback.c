/* SPDX-License-Identifier: MIT */
/*
 * putback.c: where a block is, and its bit.
 *
 * Blocks of a program that frees in no order lie in a different span each. So first all of them are
 * looked up, and then all bits are set: while stores to one span go on, the processor does not dare to
 * read the next one's facts early, and each block would cost the whole way from its address to its bit.
 * Looked up beforehand, they overlap. Blocks that lie in one span one after the other, as most do, are
 * entered in one go.
 */
#include "heap/putback.h"

#include "heap/heap.h"
#include "heap/pagemap.h"
#include "heap/partial.h"

#define KEEP_PAGES 8u

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

/* The span has as many free blocks that it belongs on another list, or back to the page heap. */
static _noinline_ void promote(struct central *central, struct span *span,
			       const struct facts *facts, uint32_t *empties)
{
	const unsigned n_blocks = facts->sizeclass->n_blocks;

	partial_settle(central, span, n_blocks);
	if (span->n_free == n_blocks &&
	    (central->n_free > n_blocks || facts->sizeclass->n_pages > KEEP_PAGES))
		putback_retire(central, span, empties);
}

/* Where a block is. */
struct spot {
	uint32_t span, index;
};

/* The span that a block was found in: the next one is often in it, too. */
struct target {
	uintptr_t start;
	size_t size; /* bytes of its blocks */
	uint32_t span;
};

/* Makes the span of a block the target. Returns an enum heap_error, or -1 if all is well. */
static _always_inline_ int enter(struct target *target, const struct facts *facts,
				 const void *block)
{
	const size_t offset = pagemap_offset(block);
	const struct span *span;

	if (unlikely(!pagemap_has(offset)))
		return HEAP_ERROR_CORRUPT;
	span = pagemap_span(offset >> HEAP_PAGE_SHIFT);
	/* the other free of it made its span free as a whole */
	if (unlikely(!span || span->state != SPAN_SMALL))
		return HEAP_ERROR_DOUBLE_FREE;
	if (unlikely(span->class != facts->class))
		return HEAP_ERROR_CORRUPT;
	target->start = span_start(span);
	target->span = span_index(span);
	return (uintptr_t)block - target->start < target->size ? -1 : HEAP_ERROR_MISALIGNED;
}

/* Fills spots, and returns how many; fewer than n with an enum heap_error. */
static unsigned locate(const struct facts *facts, void *const *blocks, unsigned n,
		       struct spot *spots, int *ret_error)
{
	const uint32_t size = facts->sizeclass->size;
	struct target target = {.size = (size_t)facts->sizeclass->n_blocks * size};

	for (unsigned i = 0; i < n; i++) {
		size_t inside = (uintptr_t)blocks[i] - target.start;

		if (inside >= target.size) {
			*ret_error = enter(&target, facts, blocks[i]);
			if (unlikely(*ret_error >= 0))
				return i;
			inside = (uintptr_t)blocks[i] - target.start;
		}
		spots[i].span = target.span;
		spots[i].index = sizeclass_index(facts->sizeclass, inside);
		if (unlikely((size_t)spots[i].index * size != inside)) {
			*ret_error = HEAP_ERROR_MISALIGNED;
			return i;
		}
	}
	return n;
}

/* Sets the bits of the blocks in the first one's span; false if one was set. n counts those that were not. */
static _always_inline_ bool mark(struct span *span, const struct spot *spots, unsigned n_spots,
				 unsigned *n)
{
	const uint32_t number = spots[0].span;

	for (; *n < n_spots && spots[*n].span == number; ++*n) {
		uint64_t *word = &span->free[spots[*n].index / 64];
		const uint64_t bit = 1ull << (spots[*n].index % 64);

		if (unlikely(*word & bit))
			return false;
		*word |= bit;
	}
	return true;
}

int putback(struct central *central, unsigned class, void *const *blocks, unsigned n,
	    unsigned *ret_n_done, uint32_t *empties)
{
	const struct facts facts = facts_of(class);
	struct spot spots[PUTBACK_MAX];
	int error = -1;
	unsigned i = 0;

	n = locate(&facts, blocks, n, spots, &error);
	while (i < n) {
		struct span *span = span_at(spots[i].span);
		unsigned n_marked = 0;

		if (unlikely(!mark(span, &spots[i], n - i, &n_marked))) {
			error = HEAP_ERROR_DOUBLE_FREE;
			n = i + n_marked;
			if (!n_marked)
				break;
		}
		i += n_marked;
		span->n_free = (uint16_t)(span->n_free + n_marked);
		central->n_free += n_marked;
		if (unlikely(span->n_free >= facts.limits[span->list]))
			promote(central, span, &facts, empties);
	}
	*ret_n_done = i;
	return error;
}
