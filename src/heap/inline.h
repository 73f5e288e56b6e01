/* SPDX-License-Identifier: MIT */
/*
 * inline.h: the fast paths of heap.h, for embedders whose malloc and free should not pay for one more
 * call. heap_alloc_inline is heap_alloc; heap_alloc_fast gives NULL where it takes more than a list's head,
 * without having changed anything, which is also so for a thread that never used the heap: an embedder
 * with more than one allocator needs no test of its own before it. heap_free_fast frees what can be freed
 * fast, and says if it did; heap_realloc_fast says whether the block may stay:
 *
 *   void free(void *block)
 *   {
 *           if (unlikely(!heap_free_fast(block)) && !heap_free_owned_slow(block))
 *                   foreign_free(block);
 *   }
 *
 * Taking a block: countdown and list are looked at before either is changed, so that the slow path
 * begins anew. Size 0 has class 0, whose list is always empty. Giving one: blocks with a tag and large
 * ones have class 0, whose list never has room; full lists, foreign blocks, and the block that was freed
 * just before, go the slow way, too; what a full list has no room for, mostly into an outbox.
 */
#ifndef HEAP_INLINE_H
#define HEAP_INLINE_H

#include "heap/bulk.h"
#include "heap/heap.h"
#include "heap/outbox.h"
#include "heap/pagemap.h"
#include "heap/picks.h"
#include "heap/place.h" /* place_take_kept and place_keep: the same for large blocks */
#include "heap/sizeclass.h"
#include "heap/threadcache.h"

/* The slow halves. Errors as in heap.h. */
void *heap_alloc_slow(size_t size);
/* heap_alloc of a block that is likely to be grown further; shift is where a large one is to begin (SPAN_SHIFT) */
void *heap_alloc_grown(size_t size, uint8_t shift);
bool heap_free_owned_slow(void *block);
bool heap_realloc_owned_slow(void *block, size_t size, void **ret);

static _always_inline_ void *heap_alloc_fast(size_t size)
{
	struct threadcache *cache = threadcache_self;
	struct threadcache_bin *bin;
	unsigned class = 0;
	uint64_t countdown;
	void *block;

	/* one comparison for most; class 0's list is always empty */
	if (likely(size <= SIZECLASS_FINE_MAX))
		/* NOLINTNEXTLINE(bugprone-branch-clone): inlined, each knows which form it needs */
		class = sizeclass_of(size);
	else if (likely(size <= SIZECLASS_MAX))
		class = sizeclass_of(size);
	bin = &cache->bins[class];
	block = bin->head;
	/* it is never negative: as an unsigned number, one subtraction also compares */
	countdown = (uint64_t)__atomic_load_n(&cache->countdown, __ATOMIC_RELAXED);
	if (unlikely(countdown <= size))
		return NULL;
	if (block) {
		bin->head = *(void **)block;
	} else {
		if (unlikely(!bin->picks))
			return NULL;
		block = picks_pop(bin, class);
	}
	bin->room++;
	__atomic_store_n(&cache->countdown, (int64_t)(countdown - size), __ATOMIC_RELAXED);
	return block;
}

/* The same for blocks of zeros; total is what is asked for in all. */
static _always_inline_ void *heap_alloc_zeroed_fast(size_t total)
{
	void *block;

	/* larger ones are better off with fresh pages */
	if (unlikely(total > SIZECLASS_SHARED_MAX))
		return NULL;
	block = heap_alloc_fast(total);
	if (likely(block))
		bulk_zero(block, total);
	return block;
}

static _always_inline_ void *heap_alloc_inline(size_t size)
{
	void *block = heap_alloc_fast(size);

	return likely(block) ? block : heap_alloc_slow(size);
}

/* The class of a block of the heap that has no tag and no span of its own; 0 for all others. */
static _always_inline_ unsigned heap_class_fast(const void *block)
{
	const size_t offset = pagemap_offset(block);

	return likely(pagemap_has(offset)) ? pagemap_class(offset) : 0;
}

static _always_inline_ bool heap_free_fast(void *block)
{
	struct threadcache *cache = threadcache_self;
	const size_t offset = pagemap_offset(block);
	struct threadcache_bin *bin;
	unsigned class;
	uint32_t room;

	if (unlikely(!pagemap_has(offset)))
		return false;
	if (!block)
		__builtin_unreachable(); /* no range begins at 0; for analysers only */
	class = pagemap_class(offset);
	bin = &cache->bins[class];
	if (unlikely(bin->head == block))
		return false;
	/* read once: what was just stored comes sooner to a load than to a subtraction in memory */
	room = bin->room;
	if (unlikely(__builtin_sub_overflow(room, 1, &room)))
		return outbox_send(cache, class, block);
	*(void **)block = bin->head;
	bin->head = block;
	bin->room = room;
	return true;
}

/* Whether usable bytes serve the new size well, and no report is due. Then it is counted. */
static _always_inline_ bool heap_stays_fast(size_t usable, size_t size)
{
	struct threadcache *cache = threadcache_self;
	const int64_t countdown = __atomic_load_n(&cache->countdown, __ATOMIC_RELAXED);

	if (size > usable || (uint64_t)countdown <= size)
		return false;
	__atomic_store_n(&cache->countdown, countdown - (int64_t)size, __ATOMIC_RELAXED);
	return true;
}

/* Whether a block is a large one without a tag, of as many pages as size needs, and no report is due. */
static _always_inline_ bool heap_fits_alone(const void *block, size_t size)
{
	const size_t offset = pagemap_offset(block);
	const struct span *span;

	if (unlikely(!pagemap_has(offset)))
		return false;
	span = pagemap_span(offset >> HEAP_PAGE_SHIFT);
	return likely(span) && span->state == SPAN_LARGE && !span->tag &&
	       span_block(span) == (uintptr_t)block && size + HEAP_PAGE > span_room(span) &&
	       heap_stays_fast(span_room(span), size);
}

/* Whether size, which is not 0, is served by the block as it is. Then nothing else is to be done. */
static _always_inline_ bool heap_realloc_fast(const void *block, size_t size)
{
	const unsigned class = heap_class_fast(block);
	const size_t usable = sizeclass_get(class)->size;

	return class ? size > usable / 2 && heap_stays_fast(usable, size)
		     : heap_fits_alone(block, size);
}

#endif
