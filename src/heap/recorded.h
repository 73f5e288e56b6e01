/* SPDX-License-Identifier: MIT */
/*
 * recorded.h: short ways for blocks that are reported to the hooks. Where all are, everything goes them.
 *
 * They do what place.c, sample.c and tagged.c do for a small block whose report is due, when all that those look
 * for on the way is as it mostly is: the thread has a cache that is up to date and not busy, lists with
 * tags, and a block on the one of the class. Nothing is changed before that is certain, so that the
 * caller can go the long way instead.
 *
 * Both ways are in two halves, between which the report is made, so that an embedder can make its own
 * calls there in place of the hooks: fewer frames of ours are then on the stack that is looked at. While
 * it does so the cache is not busy and no lock is held.
 *
 *   block = recorded_take(size, &recorded);
 *   if (block)
 *           recorded_keep(&recorded, report(block, size, &next), next);
 *
 *   if (recorded_release(block, &recorded)) {
 *           report_free(block, recorded.old);
 *           recorded_give(&recorded, block);
 *   }
 */
#ifndef HEAP_RECORDED_H
#define HEAP_RECORDED_H

#include <stdbool.h>
#include <stddef.h>

#include "heap/pagemap.h"
#include "heap/sizeclass.h"
#include "heap/span.h"
#include "heap/tagged.h"
#include "heap/threadcache.h"
#include "heap/tidy.h"

/* A block on one of the two ways. */
struct recorded {
	struct threadcache *cache;
	uint32_t *tag;
	uint32_t old;   /* the tag of a block that is freed */
	unsigned class; /* with tags */
};

/* A block, reported. NULL if it is not its turn, or takes the long way. */
void *recorded_alloc(size_t size);

/* Reports and takes back a block of a class with tags. False if that takes the long way; nothing is done then. */
bool recorded_free(void *block);

/* Usable bytes of such a block; 0 if it is none. */
static inline size_t recorded_size(const void *block);

/* A block whose report is due, without a tag. NULL as recorded_alloc. There have to be hooks for both reports. */
static inline void *recorded_take(size_t size, struct recorded *ret);
/* Sets what hooks->allocated gives. */
static inline void recorded_keep(const struct recorded *recorded, uint32_t tag, int64_t next);

/* Takes the tag of a block. False as recorded_free. */
static inline bool recorded_release(void *block, struct recorded *ret);
static inline void recorded_give(const struct recorded *recorded, void *block);

/* private to the inline functions */

/* The thread's cache if it has lists with tags and is up to date; NULL otherwise. */
static _always_inline_ struct threadcache *recorded_cache(void)
{
	struct threadcache *cache = threadcache_self;

	/* threads that begin and end have no lists */
	if (unlikely(!cache->tagged || cache->busy ||
		     cache->epoch != __atomic_load_n(&heap_published.epoch, __ATOMIC_ACQUIRE)))
		return NULL;
	return cache;
}

/* The span of a block with a tag; NULL if it is of another kind. */
static _always_inline_ struct span *recorded_span(size_t offset)
{
	struct span *span = pagemap_span(offset >> HEAP_PAGE_SHIFT);

	return likely(span && span->state == SPAN_SMALL && sizeclass_is_tagged(span->class)) ? span
											     : NULL;
}

static _always_inline_ size_t recorded_size(const void *block)
{
	const size_t offset = pagemap_offset(block);
	const struct span *span = pagemap_has(offset) ? recorded_span(offset) : NULL;

	return span ? sizeclass_get(span->class)->size : 0;
}

static _always_inline_ void *recorded_take(size_t size, struct recorded *ret)
{
	struct threadcache *cache = recorded_cache();
	struct threadcache_list *list;
	const struct span *span;
	void *block;

	if (unlikely(!cache || size - 1 >= SIZECLASS_MAX))
		return NULL;
	ret->class = sizeclass_of(size);
	list = &cache->tagged[ret->class];
	block = list->head;
	/* the long way also tidies up */
	if (unlikely(!block || cache->rest || cache->sampled_bytes + size >= TIDY_BYTES ||
		     __atomic_load_n(&cache->countdown, __ATOMIC_RELAXED) > (int64_t)size))
		return NULL;
	cache->busy = 1;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	cache->sampled_bytes += size;
	list->head = *(void **)block;
	list->room++;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	cache->busy = 0;
	ret->cache = cache;
	span = span_at(__atomic_load_n(pagemap_slot(pagemap_offset(block) >> HEAP_PAGE_SHIFT),
				       __ATOMIC_RELAXED));
	ret->tag = span_tag(span, sizeclass_index(sizeclass_get(ret->class),
						  (uintptr_t)block - span_block(span)));
	__atomic_store_n(ret->tag, 0, __ATOMIC_RELAXED);
	return block;
}

static _always_inline_ void recorded_keep(const struct recorded *recorded, uint32_t tag,
					  int64_t next)
{
	__atomic_store_n(recorded->tag, tag, __ATOMIC_RELAXED);
	tagged_settle(recorded->cache, next);
	threadcache_set_countdown(recorded->cache, MAX(next, 0));
}

static _always_inline_ bool recorded_release(void *block, struct recorded *ret)
{
	const size_t offset = pagemap_offset(block);
	const struct sizeclass *sizeclass;
	const struct span *span;
	size_t inside;
	unsigned index;

	if (unlikely(!pagemap_has(offset)))
		return false;
	span = recorded_span(offset);
	ret->cache = recorded_cache();
	if (unlikely(!span || !ret->cache))
		return false;
	ret->class = span->class;
	sizeclass = sizeclass_get(ret->class);
	inside = (uintptr_t)block - span_block(span);
	index = sizeclass_index(sizeclass, inside);
	if (unlikely(index >= sizeclass->n_blocks || inside != (size_t)index * sizeclass->size))
		return false;
	ret->tag = span_tag(span, index);
	ret->old = __atomic_load_n(ret->tag, __ATOMIC_RELAXED);
	if (unlikely(!ret->old || ret->old == TAGGED_FREE))
		return false;
	__atomic_store_n(ret->tag, 0, __ATOMIC_RELAXED);
	return true;
}

static _always_inline_ void recorded_give(const struct recorded *recorded, void *block)
{
	struct threadcache *cache = recorded->cache;
	struct threadcache_list *list = &cache->tagged[sizeclass_plain(recorded->class)];

	cache->busy = 1;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (likely(list->room)) {
		__atomic_store_n(recorded->tag, TAGGED_FREE, __ATOMIC_RELAXED);
		*(void **)block = list->head;
		list->head = block;
		list->room--;
	} else {
		tagged_give(cache, recorded->class, block, recorded->tag);
	}
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	cache->busy = 0;
}

#endif
