/* SPDX-License-Identifier: MIT */
/*
 * recorded.c: a block from the thread's own list to the hook, and back.
 *
 * What place.c, sample.c and tagged.c do for a small block whose report is due, when all that they look
 * for on the way is as it mostly is: the thread has a cache that is up to date and not busy, lists with
 * tags, and a block on the one of the class. Nothing is changed before that is certain, so that the
 * caller can go the long way instead. Few frames of ours are then on the stack that the hook looks at.
 *
 * Context: any thread, inside malloc and free. While a hook runs the cache is not busy and no lock is held.
 */
#include "heap/recorded.h"

#include "heap/hooks.h"
#include "heap/pagemap.h"
#include "heap/tagged.h"
#include "heap/threadcache.h"
#include "heap/tidy.h"

/* Enters the thread's cache if it has lists with tags and is up to date; NULL otherwise. */
static _always_inline_ struct threadcache *recorded_enter(void)
{
	struct threadcache *cache = threadcache_self;

	/* threads that begin and end have no lists */
	if (unlikely(!cache->tagged || cache->busy ||
		     cache->epoch != __atomic_load_n(&heap_published.epoch, __ATOMIC_ACQUIRE)))
		return NULL;
	cache->busy = 1;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return cache;
}

static _always_inline_ uint32_t *recorded_tag(const struct span *span, const void *block,
					      size_t *ret_inside)
{
	const struct sizeclass *sizeclass = sizeclass_get(span->class);
	const size_t inside = (uintptr_t)block - span_start(span);
	const unsigned index = sizeclass_index(sizeclass, inside);

	*ret_inside = inside - (size_t)index * sizeclass->size;
	return index < sizeclass->n_blocks ? span_tag(span, index) : NULL;
}

/* The span of a block with a tag; NULL if it is of another kind. */
static _always_inline_ struct span *recorded_span(size_t offset)
{
	struct span *span = pagemap_span(offset >> HEAP_PAGE_SHIFT);

	return likely(span && span->state == SPAN_SMALL && sizeclass_is_tagged(span->class)) ? span
											     : NULL;
}

size_t recorded_size(size_t offset)
{
	const struct span *span = recorded_span(offset);

	return span ? sizeclass_get(span->class)->size : 0;
}

void *recorded_alloc(size_t size)
{
	const struct heap_hooks *hooks = hooks_get();
	struct threadcache *cache;
	struct threadcache_bin *bin;
	int64_t next = INT64_MAX;
	size_t inside;
	uint32_t *tag;
	void *block;

	if (size == 0 || size > SIZECLASS_SHARED_MAX || !hooks || !hooks->allocated)
		return NULL;
	cache = recorded_enter();
	if (!cache)
		return NULL;
	bin = &cache->tagged[sizeclass_of(size)];
	block = bin->head;
	cache->sampled_bytes += size;
	/* the long way also tidies up */
	if (unlikely(cache->rest || cache->sampled_bytes >= TIDY_BYTES ||
		     __atomic_load_n(&cache->countdown, __ATOMIC_RELAXED) > (int64_t)size ||
		     !block)) {
		threadcache_leave(cache);
		return NULL;
	}
	bin->head = *(void **)block;
	bin->room++;
	tag = recorded_tag(recorded_span(pagemap_offset(block)), block, &inside);
	__atomic_store_n(tag, 0, __ATOMIC_RELAXED);
	threadcache_leave(cache);
	__atomic_store_n(tag, hooks->allocated(block, size, &next), __ATOMIC_RELAXED);
	threadcache_set_countdown(cache, MAX(next, 0));
	return block;
}

bool recorded_free(void *block, size_t offset)
{
	const struct heap_hooks *hooks = hooks_get();
	const struct span *span = recorded_span(offset);
	struct threadcache *cache;
	struct threadcache_bin *bin;
	uint32_t *tag, old;
	size_t inside;

	if (!span || !hooks || !hooks->freed)
		return false;
	tag = recorded_tag(span, block, &inside);
	old = tag ? __atomic_load_n(tag, __ATOMIC_RELAXED) : 0;
	if (unlikely(inside || !old || old == TAGGED_FREE))
		return false;
	cache = recorded_enter();
	if (!cache)
		return false;
	threadcache_leave(cache);
	__atomic_store_n(tag, 0, __ATOMIC_RELAXED);
	hooks->freed(block, old);
	cache->busy = 1;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	bin = &cache->tagged[sizeclass_plain(span->class)];
	if (likely(bin->room)) {
		__atomic_store_n(tag, TAGGED_FREE, __ATOMIC_RELAXED);
		*(void **)block = bin->head;
		bin->head = block;
		bin->room--;
	} else {
		tagged_give(cache, span->class, block, tag);
	}
	threadcache_leave(cache);
	return true;
}
