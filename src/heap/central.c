/* SPDX-License-Identifier: MIT */
/*
 * central.c: the central lists.
 *
 * What comes in as a whole batch stays one, up to BATCHES of them, and goes out as one: where one
 * thread allocates and another one frees, blocks go round without being looked at. What is more is
 * sorted back into its spans (putback.c). Spans stand in four lists by how full they are; blocks come from the
 * fullest, so that the emptiest are left to become free as a whole. A span whose last block is free
 * goes to the page heap, unless it is a small one and the class would be left with nothing.
 *
 * Each class has its lock. The page heap is called under it for new spans, and without it for spans
 * that are given back, because the kernel may have to be called then.
 *
 * Invariants, under the lock:
 *   n_free = sum of span.n_free over the spans of the class
 *   a span is on a list if and only if n_free of it is not 0, on the one that list_of says
 */
#include "heap/central.h"

#include "heap/central-spans.h"
#include "heap/hooks.h"
#include "heap/pagemap.h"
#include "heap/partial.h"
#include "heap/putback.h"

#define BATCHES      4u
#define AGE_BYTES    (256u << 10) /* of idle blocks: less is left alone */
#define AGE_FRACTION 16u          /* of all blocks of the class, too */
#define AGE_SPANS    2048u        /* looked at in one visit, at most */

struct central central_table[SIZECLASS_IDS];

static void *pop_batch(struct central *central)
{
	void **batch = (void **)central->batches;

	central->batches = (uintptr_t)batch[1];
	central->n_batches--;
	return batch;
}

/* Takes blocks from spans. The lock is held. */
static unsigned take(struct central *central, unsigned class, unsigned n, uint32_t owner,
		     void **ret_list)
{
	const struct sizeclass *sizeclass = sizeclass_get(class);
	void **link = ret_list;
	unsigned taken = 0;

	while (taken < n) {
		struct span *span = owner ? partial_own(central, owner) : partial_fullest(central);
		unsigned before;

		if (!span && !taken)
			span = central_new_span(central, class);
		/* no memory, but for what others have */
		if (!span && !taken)
			span = partial_fullest(central);
		if (!span)
			break;
		if (owner)
			span->owner = owner;
		before = span->n_free;
		link = span_take(span, n - taken, sizeclass->size, link);
		taken += before - span->n_free;
		central->n_free -= before - span->n_free;
		partial_settle(central, span, sizeclass->n_blocks);
	}
	central->n_idle = MIN(central->n_idle, central->n_free);
	if (taken > 1)
		*link = NULL;
	return taken;
}

unsigned central_take(unsigned class, unsigned n, uint32_t owner, void **ret_list)
{
	const unsigned batch = sizeclass_get(class)->batch;
	struct central *central = &central_table[class];
	unsigned taken = batch;

	lock_take(&central->lock);
	if (central->n_batches && (n >= batch || !central->n_free))
		*ret_list = pop_batch(central);
	else
		taken = take(central, class, n, owner, ret_list);
	lock_drop(&central->lock);
	return taken;
}

unsigned central_pick(unsigned class, unsigned n, struct span_pick *ret)
{
	struct central *central = &central_table[class];
	unsigned taken = 0;

	lock_take(&central->lock);
	if (!central->n_batches) {
		struct span *span = partial_fullest(central);

		if (!span)
			span = central_new_span(central, class);
		if (span && span->n_free > 1 && span->n_free >= n / 2) {
			taken = span_pick(span, 2 * n, ret);
			central->n_free -= taken;
			central->n_idle = MIN(central->n_idle, central->n_free);
			partial_settle(central, span, sizeclass_get(class)->n_blocks);
		}
	}
	lock_drop(&central->lock);
	return taken;
}

unsigned central_unpick(unsigned class, const struct span_pick *pick)
{
	const struct sizeclass *sizeclass = sizeclass_get(class);
	struct central *central = &central_table[class];
	struct span *span = pagemap_span(pagemap_offset((void *)pick->start) >> HEAP_PAGE_SHIFT);
	uint32_t empties = 0;
	unsigned n;

	lock_take(&central->lock);
	n = span_unpick(span, pick, sizeclass->size);
	central->n_free += n;
	putback_settle(central, span, sizeclass, &empties);
	lock_drop(&central->lock);
	central_free_spans(empties);
	return n;
}

void *central_take_one(unsigned class)
{
	const struct sizeclass *sizeclass = sizeclass_get(class);
	struct central *central = &central_table[class];
	struct span *span;
	void *block = NULL;

	lock_take(&central->lock);
	span = partial_fullest(central);
	if (!span)
		span = central_new_span(central, class);
	if (span) {
		block = span_take_one(span, sizeclass->size);
		partial_settle(central, span, sizeclass->n_blocks);
		central->n_free--;
		central->n_idle = MIN(central->n_idle, central->n_free);
	}
	lock_drop(&central->lock);
	return block;
}

/* Puts a list's blocks back into their spans, the lock held. */
static void return_list(struct central *central, unsigned class, void *list, unsigned n,
			uint32_t *empties)
{
	void *blocks[PUTBACK_MAX];
	int error = -1;

	while (n > 0) {
		unsigned n_blocks = 0, n_done = 0;

		/* a list of one has no link; one that leads elsewhere is not followed */
		do {
			blocks[n_blocks++] = list;
			if (unlikely(!pagemap_has(pagemap_offset(list))))
				break;
			list = --n > 0 ? *(void **)list : NULL;
		} while (n > 0 && n_blocks < PUTBACK_MAX);
		error = putback(central, class, blocks, n_blocks, &n_done, empties);
		if (unlikely(error >= 0)) {
			lock_drop(&central->lock);
			hooks_corruption((enum heap_error)error, blocks[n_done]);
		}
	}
}

void central_give(unsigned class, void *list, unsigned n)
{
	struct central *central = &central_table[class];
	uint32_t empties = 0;

	lock_take(&central->lock);
	if (n == sizeclass_get(class)->batch && central->n_batches < BATCHES &&
	    !sizeclass_is_tagged(class)) {
		((void **)list)[1] = (void *)central->batches;
		central->batches = (uintptr_t)list;
		central->n_batches++;
	} else {
		return_list(central, class, list, n, &empties);
	}
	lock_drop(&central->lock);
	central_free_spans(empties);
}

void central_give_one(unsigned class, void *block)
{
	struct central *central = &central_table[class];
	uint32_t empties = 0;
	int error;

	lock_take(&central->lock);
	error = putback_one(central, class, block, &empties);
	lock_drop(&central->lock);
	if (unlikely(error >= 0))
		hooks_corruption((enum heap_error)error, block);
	central_free_spans(empties);
}

void central_put(unsigned class, void *const *blocks, unsigned n)
{
	struct central *central = &central_table[class];
	uint32_t empties = 0;
	unsigned n_done = 0;
	int error;

	lock_take(&central->lock);
	error = putback(central, class, blocks, n, &n_done, &empties);
	lock_drop(&central->lock);
	if (unlikely(error >= 0))
		hooks_corruption((enum heap_error)error, blocks[n_done]);
	central_free_spans(empties);
}

bool central_tidy(unsigned class)
{
	const struct sizeclass *sizeclass = sizeclass_get(class);
	struct central *central = &central_table[class];
	uint32_t empties = 0;
	bool any = false;

	lock_take(&central->lock);
	while (central->n_batches)
		return_list(central, class, pop_batch(central), sizeclass->batch, &empties);
	for (unsigned list = 0; list < CENTRAL_LISTS; list++) {
		for (uint32_t i = central->partial[list]; i;) {
			struct span *span = span_at(i);

			i = span->next;
			if (span->n_free == sizeclass->n_blocks)
				putback_retire(central, span, &empties);
			else
				any |= span_discard(span, sizeclass);
		}
	}
	lock_drop(&central->lock);
	central_free_spans(empties);
	return any;
}

/* Spans without a block in use, the lock held. */
static void retire(struct central *central, unsigned class, uint32_t *empties)
{
	const unsigned n_blocks = sizeclass_get(class)->n_blocks;

	for (uint32_t i = central->partial[CENTRAL_LISTS - 1]; i;) {
		struct span *span = span_at(i);

		i = span->next;
		if (span->n_free == n_blocks)
			putback_retire(central, span, empties);
	}
}

void central_retire(unsigned class)
{
	struct central *central = &central_table[class];
	uint32_t empties = 0;

	if (!__atomic_load_n(&central->n_blocks, __ATOMIC_RELAXED))
		return;
	lock_take(&central->lock);
	retire(central, class, &empties);
	lock_drop(&central->lock);
	central_free_spans(empties);
}

/* Gives free pages within the emptiest spans to the kernel until so many blocks have gone. */
static void discard(struct central *central, const struct sizeclass *sizeclass, uint64_t n_blocks)
{
	unsigned n_left = AGE_SPANS;

	for (unsigned list = CENTRAL_LISTS; list > CENTRAL_LISTS / 2; list--) {
		for (uint32_t i = central->partial[list - 1]; i && n_left && n_blocks; n_left--) {
			struct span *span = span_at(i);

			if (span_discard(span, sizeclass))
				n_blocks -= MIN(n_blocks, span->n_free);
			i = span->next;
		}
	}
}

void central_age(unsigned class)
{
	const struct sizeclass *sizeclass = sizeclass_get(class);
	struct central *central = &central_table[class];
	uint32_t empties = 0;
	uint64_t idle;

	lock_take(&central->lock);
	while (central->n_batches)
		return_list(central, class, pop_batch(central), sizeclass->batch, &empties);
	idle = MIN(central->n_idle, central->n_free);
	if (idle * sizeclass->size > AGE_BYTES && idle * AGE_FRACTION > central->n_blocks)
		discard(central, sizeclass, idle);
	central->n_idle = central->n_free;
	/* the last one that was kept because spans were made over and over, which they are no more */
	if (sizeclass_is_tagged(class) && central->n_spans == 1 && central->n_made == 0)
		retire(central, class, &empties);
	central->n_made = 0;
	lock_drop(&central->lock);
	central_free_spans(empties);
}

void central_reset(void)
{
	for (unsigned class = 1; class < SIZECLASS_IDS; class ++) {
		struct central *central = &central_table[class];

		if (!sizeclass_exists(class))
			continue;
		heap_published.lost_blocks +=
			(uint64_t)central->n_batches * sizeclass_get(class)->batch;
		*central = (struct central){0};
	}
}

void central_adopt(struct span *span)
{
	const struct sizeclass *sizeclass = sizeclass_get(span->class);
	struct central *central = &central_table[span->class];

	span->n_free = 0;
	for (unsigned i = 0; i < SPAN_BITMAP_WORDS; i++)
		span->n_free += (uint16_t)__builtin_popcountll(span->free[i]);
	span->list = 0;
	partial_settle(central, span, sizeclass->n_blocks);
	central->n_spans++;
	partial_count(central, sizeclass->n_blocks);
	central->n_free += span->n_free;
	/* it may have been on its way to the page heap */
	pagemap_set_class(span, span->class);
}

struct central central_copy(unsigned class)
{
	struct central *central = &central_table[class], copy;

	lock_take(&central->lock);
	/* the lock's own word is not for reading */
	copy = (struct central){
		.n_batches = central->n_batches,
		.n_blocks = central->n_blocks,
		.n_free = central->n_free,
		.n_spans = central->n_spans,
	};
	lock_drop(&central->lock);
	return copy;
}
