/* SPDX-License-Identifier: MIT */
/*
 * heap.c: the allocation family.
 *
 * What happens to a request for memory, from the fastest way to the slowest:
 *
 *   thread cache   list of the class not empty       inline.h       no lock
 *   central list   a batch                           central.c      the class's lock
 *   page heap      a run of pages for a new span     pageheap.c     one lock
 *   kernel         the range grows                   pagemap.c      the same
 *
 * Blocks above 32 KiB begin at the page heap, huge ones at the kernel. Freed blocks go the same way
 * back. Sampled blocks come from the central lists of classes with tags.
 */
#include "heap/heap.h"

#include "heap/block.h"
#include "heap/bulk.h"
#include "heap/central.h"
#include "heap/hooks.h"
#include "heap/huge.h"
#include "heap/inline.h"
#include "heap/os.h"
#include "heap/pageheap.h"
#include "heap/place.h"
#include "heap/recorded.h"
#include "heap/sample.h"
#include "heap/tagged.h"
#include "heap/zero.h"

/* A block that is grown is likely to be grown further: it gets more than was asked for. */
#define SLACK_MIN      1024u
#define SLACK_FRACTION 4u

static void *alloc(const struct request *request, bool *ret_zero)
{
	struct threadcache *cache = threadcache_enter();
	void *block = NULL;

	if (likely(cache)) {
		block = place_block(cache, request, ret_zero);
		threadcache_leave(cache);
	}
	if (unlikely(!block))
		os_set_enomem();
	return block;
}

static _noinline_ void *alloc_any(size_t size)
{
	const struct request request = {.asked = size, .size = MAX(size, 1), .align = 1};
	void *block = recorded_alloc(size);
	bool zero;

	return block ? block : alloc(&request, &zero);
}

_noinline_ void *heap_alloc_slow(size_t size)
{
	void *block;

	if (size > SIZECLASS_MAX) {
		block = place_take_kept(size);
		if (block)
			return block;
	}
	return alloc_any(size);
}

void *heap_alloc_grown(size_t size, uint8_t shift)
{
	const size_t more = size >= SLACK_MIN ? size + size / SLACK_FRACTION : size;
	const struct request request = {.asked = size,
					.size = place_is_run(more) ? size : more,
					.align = 1,
					.grows = true,
					.shift = shift};
	bool zero;

	return more > size ? alloc(&request, &zero) : heap_alloc_inline(size);
}

void *heap_alloc(size_t size)
{
	return heap_alloc_inline(size);
}

/* Of a size whose pages may be known to be zero. */
static _noinline_ void *alloc_zeroed_alone(size_t size)
{
	const struct request request = {.asked = size, .size = size, .align = 1, .zero = true};
	bool zero = false;
	void *block = alloc(&request, &zero);

	if (block && !zero)
		zero_pages(block, size);
	return block;
}

void *heap_alloc_zeroed(size_t n, size_t size)
{
	size_t total;
	void *block;

	if (unlikely(__builtin_mul_overflow(n, size, &total))) {
		os_set_enomem();
		return NULL;
	}
	if (unlikely(place_is_alone(total)))
		return alloc_zeroed_alone(total);
	block = heap_alloc_inline(total);
	if (likely(block))
		bulk_zero(block, total);
	return block;
}

void *heap_alloc_aligned(size_t align, size_t size)
{
	const struct request request = {.asked = size, .size = MAX(size, 1), .align = align};
	bool zero;

	if (align <= 16)
		return heap_alloc_inline(size);
	return alloc(&request, &zero);
}

/* The block has a tag or a span of its own, or is not ours. */
static bool free_other(void *block)
{
	struct threadcache *cache;
	struct block found;

	if (!block_find(block, &found)) {
		if (unlikely(huge_was_freed(block)))
			hooks_corruption(HEAP_ERROR_DOUBLE_FREE, block);
		return false;
	}
	if (found.tag)
		sample_freed(block, found.tag);
	cache = threadcache_enter_to_give();
	if (!cache && threadcache_self->busy)
		return true;
	if (found.class)
		tagged_give(cache, found.class, block, found.tag);
	else
		place_free_alone(cache, found.span);
	if (cache)
		threadcache_leave(cache);
	return true;
}

_noinline_ bool heap_free_owned_slow(void *block)
{
	const size_t offset = pagemap_offset(block);
	struct threadcache *cache;
	unsigned class;

	if (!block)
		return true;
	class = pagemap_has(offset) ? pagemap_class(offset) : 0;
	if (!class)
		return place_keep(block) || recorded_free(block) || free_other(block);
	cache = threadcache_enter_to_give();
	if (cache) {
		threadcache_give(cache, class, block);
		threadcache_leave(cache);
	} else if (!threadcache_self->busy) {
		central_give(class, block, 1);
	}
	return true;
}

bool heap_free_owned(void *block)
{
	return likely(heap_free_fast(block)) || heap_free_owned_slow(block);
}

void heap_free(void *block)
{
	if (unlikely(!heap_free_fast(block)) && !heap_free_owned_slow(block))
		hooks_corruption(HEAP_ERROR_FOREIGN, block);
}

void heap_free_sized(void *block, size_t size)
{
#ifndef NDEBUG
	if (block && size > heap_usable_size(block))
		hooks_corruption(HEAP_ERROR_CORRUPT, block);
#endif
	heap_free(block);
}

bool heap_owns(const void *block)
{
	const size_t offset = pagemap_offset(block);

	if (pagemap_has(offset))
		return pagemap_class(offset) || *pagemap_slot(offset >> HEAP_PAGE_SHIFT);
	return huge_find(block);
}

size_t heap_usable_size_owned(const void *block)
{
	const unsigned class = heap_class_fast(block);
	struct block found;
	size_t size;

	if (likely(class))
		return sizeclass_get(class)->size;
	size = recorded_size(block);
	if (size)
		return size;
	return block && block_find(block, &found) ? found.size : 0;
}

size_t heap_usable_size(const void *block)
{
	const size_t size = heap_usable_size_owned(block);

	if (unlikely(!size) && block)
		hooks_corruption(HEAP_ERROR_FOREIGN, block);
	return size;
}

bool heap_trim(size_t pad)
{
	struct threadcache *cache;
	bool any = false;

	/* other threads follow at their next slow path */
	threadcache_trim_all();
	cache = threadcache_enter();
	if (!cache)
		return false;
	threadcache_flush(cache);
	for (unsigned class = 1; class < SIZECLASS_IDS; class ++)
		if (sizeclass_exists(class))
			any |= central_tidy(class);
	any |= pageheap_release(pad);
	threadcache_leave(cache);
	return any;
}

void heap_set_confined(void)
{
	__atomic_store_n(&zero_is_confined, true, __ATOMIC_RELAXED);
}

void heap_restart_countdowns(void)
{
	threadcache_restart_all();
}

void heap_thread_end(void)
{
	threadcache_end();
}

const void *heap_root(void)
{
	return &heap_published;
}
