/* SPDX-License-Identifier: MIT */
/*
 * realloc.c: resizing blocks, where they are if possible.
 *
 * A large block that has to move takes its pages along.
 *
 * A small block stays while the new size has the same class, or is smaller but above half. A large one
 * gives pages back or takes free ones behind it; a huge one moves its page tables. All else is a new
 * block, a copy, and a free.
 *
 * For the sampler each of these is an end and a beginning. A block that stays where it is can be
 * reported again if it has a place for a tag; a small one without has to move if its turn has come.
 */
#include <errno.h>

#include "heap/block.h"
#include "heap/bulk.h"
#include "heap/heap.h"
#include "heap/hooks.h"
#include "heap/huge.h"
#include "heap/inline.h"
#include "heap/os.h"
#include "heap/pageheap.h"
#include "heap/place.h"
#include "heap/sample.h"

#define MOVE_MIN (2ul << 20)

/* What was grown out of is merged with its neighbours: they are what the next buffer grows in. */
static void let_go(void)
{
	struct threadcache *cache = threadcache_enter();

	if (!cache)
		return;
	place_flush(cache);
	threadcache_leave(cache);
}

/*
 * Hands the pages of a large block to a larger one that begins where it did in its first page, rather than copying
 * them. Each makes a mapping of its own in the kernel, so this is for blocks of which not many thousands are alive.
 * 0, or -errno: then they may be copied, but for -EFAULT, when the new block is lost.
 */
static int move_pages(const struct block *from, void *moved)
{
	struct threadcache *cache;
	struct block to;
	int r;

	if (!block_find(moved, &to) || to.span->state != SPAN_LARGE ||
	    to.span->shift != from->span->shift)
		return -EINVAL;
	cache = threadcache_enter();
	if (!cache)
		return -EBUSY;
	r = os_move(span_start(from->span), span_start(to.span), span_size(from->span));
	if (r == 0)
		pageheap_free_moved(from->span);
	threadcache_leave(cache);
	return r;
}

/* To a larger block, by pages if both are large ones. */
static void *move_far(void *block, size_t usable, size_t size, int *ret)
{
	struct block from;
	void *moved;

	*ret = -EINVAL;
	if (usable < MOVE_MIN || !block_find(block, &from) || from.span->state != SPAN_LARGE)
		return heap_alloc_grown(size, 0);
	moved = heap_alloc_grown(size, from.span->shift);
	if (moved)
		*ret = move_pages(&from, moved);
	return moved;
}

static void *move(void *block, size_t usable, size_t size)
{
	int r = -EINVAL;
	void *moved = size > usable ? move_far(block, usable, size, &r) : heap_alloc(size);

	if (!moved)
		return NULL;
	if (r == 0)
		return moved;
	if (r == -EFAULT) {
		os_set_enomem();
		return NULL;
	}
	bulk_copy(moved, block, MIN(usable, size));
	heap_free(block);
	if (place_is_run(usable))
		let_go();
	return moved;
}

/* Whether a block of the class serves a new size well enough. */
static bool fits(unsigned class, size_t size)
{
	const size_t usable = sizeclass_get(class)->size;

	return size <= usable &&
	       (size > usable / 2 || sizeclass_of(size) == sizeclass_plain(class));
}

static void *realloc_small(void *block, unsigned class, size_t size)
{
	struct threadcache *cache;
	bool chosen;

	if (!fits(class, size))
		return move(block, sizeclass_get(class)->size, size);
	cache = threadcache_enter();
	/* the tail of a thread's life, or a signal handler: nothing is counted */
	if (!cache)
		return block;
	chosen = sample_count(cache, size);
	threadcache_leave(cache);
	return chosen ? move(block, sizeclass_get(class)->size, size) : block;
}

/* Changes the size of a block with a span of its own. It may have moved then. */
static bool resize_alone(struct span *span, size_t size)
{
	size_t n_pages;

	if (!place_is_run(size) || size > PTRDIFF_MAX)
		return false;
	if (span->state == SPAN_HUGE)
		return place_is_huge(size) && huge_resize(span, size);
	n_pages = span_pages(size + span_size(span) - span_room(span));
	if (n_pages < span->n_pages)
		pageheap_shrink(span, n_pages);
	return n_pages <= span->n_pages || pageheap_grow(span, n_pages);
}

/* The block, whose tag was taken away, is as if it was just allocated. */
static void count_again(struct threadcache *cache, void *block, size_t size, uint32_t *tag)
{
	if (sample_count(cache, size))
		sample_allocated(cache, block, size, tag);
}

static void *realloc_tagged(void *block, const struct block *found, size_t size)
{
	const bool had_tag = __atomic_load_n(found->tag, __ATOMIC_RELAXED);
	struct threadcache *cache;
	bool stays = true;
	void *moved;

	sample_freed(block, found->tag);
	cache = threadcache_enter();
	if (cache) {
		stays = found->class ? fits(found->class, size) : resize_alone(found->span, size);
		if (stays && found->span->state == SPAN_HUGE)
			block = (void *)found->span->huge.start;
		if (stays)
			count_again(cache, block, size, found->tag);
		threadcache_leave(cache);
	} else if (size > found->size) {
		stays = false;
	}
	if (stays)
		return block;
	moved = move(block, found->size, size);
	if (!moved && had_tag) {
		/* it stays as it was, so it is still there for the sampler, too */
		cache = threadcache_enter();
		if (cache) {
			sample_allocated(cache, block, found->size, found->tag);
			threadcache_leave(cache);
		}
		os_set_enomem();
	}
	return moved;
}

bool heap_realloc_owned_slow(void *block, size_t size, void **ret)
{
	const unsigned class = heap_class_fast(block);
	struct block found;

	size = MAX(size, 1);
	if (class) {
		*ret = realloc_small(block, class, size);
		return true;
	}
	if (!block_find(block, &found))
		return false;
	*ret = realloc_tagged(block, &found, size);
	return true;
}

bool heap_realloc_owned(void *block, size_t size, void **ret)
{
	if (unlikely(!heap_realloc_fast(block, MAX(size, 1))))
		return heap_realloc_owned_slow(block, size, ret);
	*ret = block;
	return true;
}

void *heap_realloc(void *block, size_t size)
{
	void *moved;

	if (!block)
		return heap_alloc(size);
	if (!heap_realloc_owned(block, size, &moved))
		hooks_corruption(HEAP_ERROR_FOREIGN, block);
	return moved;
}
