/* SPDX-License-Identifier: MIT */
/*
 * putback.c: where a block is, and its bit.
 *
 * Blocks of a program that frees in no order lie in a different span each. So first all of them are
 * looked up, and then all bits are set: while stores to one span go on, the processor does not dare to
 * read the next one's facts early, and each block would cost the whole way from its address to its bit.
 * Looked up beforehand, they overlap. Whether they were freed in the order of memory instead (putback-runs.h), the first
 * two of them tell.
 */
#include "heap/putback.h"

#include "heap/heap.h"
#include "heap/pagemap.h"
#include "heap/partial.h"
#include "heap/putback-runs.h"

#define KEEP_PAGES 8u
/* Spans for single blocks made since the last visit: from then on making them costs more than keeping one. */
#define KEEP_MADE  4u

static struct putback_facts facts_of(unsigned class)
{
	const struct sizeclass *sizeclass = sizeclass_get(class);
	const unsigned n = sizeclass->n_blocks;

	return (struct putback_facts){
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

void putback_settle(struct central *central, struct span *span, const struct sizeclass *sizeclass,
		    uint32_t *empties)
{
	partial_settle(central, span, sizeclass->n_blocks);
	if (span->n_free == sizeclass->n_blocks && is_spare(central, sizeclass))
		putback_retire(central, span, empties);
}

int putback_enter(struct putback_target *target, unsigned class, const void *block)
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

/* Why a block is in no spot. */
static _noinline_ int refuse(const struct putback_facts *facts, const void *block)
{
	struct putback_target target = {.size = (size_t)facts->sizeclass->n_blocks *
						facts->sizeclass->size};
	const int error = putback_enter(&target, facts->class, block);

	return error < 0 ? HEAP_ERROR_MISALIGNED : error;
}

/* Where blocks are that lie anywhere. */
struct spots {
	struct span *spans[PUTBACK_MAX];
	uint8_t indices[PUTBACK_MAX];
};
_Static_assert(SIZECLASS_BLOCKS_MAX <= UINT8_MAX + 1, "an index in a span has 8 bits");

/*
 * Looks up blocks of a class with several in a span, which begins with one (shift 0). Returns how many before one that
 * is in no such span, or not at the beginning of a block.
 */
static unsigned locate(const struct putback_facts *facts, void *const *blocks, unsigned n,
		       struct spots *spots)
{
	/* copies: no store to a spot can change them */
	const struct sizeclass sizeclass = *facts->sizeclass;
	const unsigned class = facts->class;
	const uintptr_t base = heap_published.base;
	const size_t used = __atomic_load_n(&heap_published.used, __ATOMIC_RELAXED);
	const size_t end = (size_t)sizeclass.n_blocks * sizeclass.size;
	const uint32_t *span_of = pagemap_slot(0);
	struct span *spans = span_at(0);
	unsigned long i;

	for (i = 0; i < n; i++) {
		const size_t offset = (uintptr_t)blocks[i] - base;
		uint32_t index;
		struct span *span;
		size_t inside;

		if (unlikely(offset >= used))
			break;
		/* the entry of no span is not of the class */
		span = &spans[__atomic_load_n(&span_of[offset >> HEAP_PAGE_SHIFT],
					      __ATOMIC_RELAXED)];
		inside = offset - ((size_t)span->page << HEAP_PAGE_SHIFT);
		if (unlikely(!span_is_of(span, class) || inside >= end ||
			     !sizeclass_divide(&sizeclass, inside, &index)))
			break;
		spots->spans[i] = span;
		spots->indices[i] = (uint8_t)index;
	}
	return (unsigned)i;
}

/*
 * Sets the bits. Returns how many, fewer than n if one was set. Totals wait in registers: added up in memory, each block
 * would wait for the one before.
 */
static unsigned mark(struct central *central, const struct putback_facts *facts,
		     const struct spots *spots, unsigned n, uint32_t *empties)
{
	unsigned long n_counted = 0, i;

	for (i = 0; i < n; i++) {
		struct span *span = spots->spans[i];
		uint16_t n_free = span->n_free;

		if (unlikely(!span_mark(span, spots->indices[i])))
			break;
		span->n_free = ++n_free;
		if (unlikely(n_free >= facts->limits[span->list])) {
			central->n_free += i + 1 - n_counted;
			n_counted = i + 1;
			putback_settle(central, span, facts->sizeclass, empties);
		}
	}
	central->n_free += i - n_counted;
	return (unsigned)i;
}

static _noinline_ int putback_each(struct central *central, const struct putback_facts *facts,
				   void *const *blocks, unsigned n, unsigned *ret_n_done,
				   uint32_t *empties)
{
	struct spots spots;
	const unsigned n_located = locate(facts, blocks, n, &spots);

	*ret_n_done = mark(central, facts, &spots, n_located, empties);
	if (unlikely(*ret_n_done < n_located))
		return HEAP_ERROR_DOUBLE_FREE;
	return likely(n_located == n) ? -1 : refuse(facts, blocks[n_located]);
}

int putback(struct central *central, unsigned class, void *const *blocks, unsigned n,
	    unsigned *ret_n_done, uint32_t *empties)
{
	const struct putback_facts facts = facts_of(class);
	const struct sizeclass *sizeclass = facts.sizeclass;

	if (sizeclass->n_blocks == 1 ||
	    (n > 1 && putback_touch((uintptr_t)blocks[0], (uintptr_t)blocks[1], sizeclass->size)))
		return putback_runs(central, &facts, blocks, n, ret_n_done, empties);
	return putback_each(central, &facts, blocks, n, ret_n_done, empties);
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
	struct putback_target target = {.size = (size_t)sizeclass->n_blocks * sizeclass->size};
	const int error = putback_enter(&target, class, block);
	struct span *span;
	uint32_t index;

	if (unlikely(error >= 0))
		return error;
	index = sizeclass_index(sizeclass, (uintptr_t)block - target.start);
	if (unlikely((size_t)index * sizeclass->size != (uintptr_t)block - target.start))
		return HEAP_ERROR_MISALIGNED;
	span = span_at(target.span);
	if (unlikely(!span_mark(span, index)))
		return HEAP_ERROR_DOUBLE_FREE;
	span->n_free++;
	central->n_free++;
	partial_settle(central, span, sizeclass->n_blocks);
	if (is_over(central, span, sizeclass))
		putback_retire(central, span, empties);
	return -1;
}
