/* SPDX-License-Identifier: MIT */
/*
 * inline.h: the fast paths of heap.h, for embedders whose malloc and free should not pay for one more
 * call. heap_alloc_inline is heap_alloc; heap_alloc_fast gives NULL where it takes more than a list's head,
 * without having changed anything, which is also so for a thread that never used the heap: an embedder
 * with more than one allocator needs no test of its own before it. heap_free_fast frees what can be freed
 * fast, and says if it did:
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
#include "heap/place.h" /* place_take_kept and place_keep: the same for large blocks */
#include "heap/sizeclass.h"
#include "heap/threadcache.h"

/* The slow halves. Errors as in heap.h. */
void *heap_alloc_slow(size_t size);
/* heap_alloc of a block that is likely to be grown further; shift is where a large one is to begin (SPAN_SHIFT) */
void *heap_alloc_grown(size_t size, uint8_t shift);
bool heap_free_owned_slow(void *block);

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
	if (unlikely(!block))
		return NULL;
	/* it is never negative: as an unsigned number, one subtraction also compares */
	countdown = (uint64_t)__atomic_load_n(&cache->countdown, __ATOMIC_RELAXED);
	if (unlikely(countdown <= size))
		return NULL;
	bin->head = *(void **)block;
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

	if (unlikely(!pagemap_has(offset)))
		return false;
	if (!block)
		__builtin_unreachable(); /* no range begins at 0; for analysers only */
	class = pagemap_class(offset);
	bin = &cache->bins[class];
	if (unlikely(bin->head == block))
		return false;
	if (unlikely(!bin->room))
		return outbox_send(cache, class, block);
	*(void **)block = bin->head;
	bin->head = block;
	bin->room--;
	return true;
}

#endif
