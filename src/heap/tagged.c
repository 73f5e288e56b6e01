/* SPDX-License-Identifier: MIT */
/*
 * tagged.c: lists of free blocks with tags, in the cache of a thread.
 *
 * They work as those without tags do, on a smaller scale: a list is refilled by twice as many blocks as
 * the time before, up to a batch, and gives a batch back when it holds two. A thread of whose blocks few are
 * sampled holds one or two of a class. They stand apart from the others because most threads have none.
 *
 * A program whose blocks are all recorded at first has its free memory on these lists when that ends, where
 * nobody would look for it again: so it goes to the central lists then, and whole spans of it to the page heap.
 *
 * A free block's tag is TAGGED_FREE. So a block that is freed twice is found out at once, as long as
 * it has not been handed out again between.
 *
 * Context: the cache is entered; nobody else touches it.
 */
#include "heap/tagged.h"

#include "heap/central.h"
#include "heap/hooks.h"
#include "heap/meta.h"
#include "heap/pagemap.h"
#include "heap/span.h"

enum {
	TAGGED_LIST_BYTES = 32768,
	/* of a class: where the lists are soon to be given up, and where not (see partial_own) */
	TAGGED_SHARE = 8,
	TAGGED_SHARE_ALL = 4,
};

/*
 * Blocks that move at once, at most: large ones are kept one by one, and all together are a fraction of what
 * there is of the class.
 */
static unsigned tagged_batch(unsigned class)
{
	const struct sizeclass *sizeclass = sizeclass_get(class);
	const unsigned most =
		MIN((unsigned)sizeclass->batch, MAX(TAGGED_LIST_BYTES / sizeclass->size, 1u));

	return threadcache_part(class + SIZECLASS_TAGGED,
				hooks_report_all() ? TAGGED_SHARE_ALL : TAGGED_SHARE, most);
}

static uint32_t *tagged_find(unsigned class, const void *block)
{
	const struct span *span = pagemap_span(pagemap_offset(block) >> HEAP_PAGE_SHIFT);

	return span_tag(span,
			sizeclass_index(sizeclass_get(class), (uintptr_t)block - span_block(span)));
}

static bool tagged_begin(struct threadcache *cache)
{
	if (!cache->tagged)
		cache->tagged = meta_alloc(SIZECLASS_N * sizeof(struct threadcache_list));
	return cache->tagged;
}

static _noinline_ void *tagged_refill(struct threadcache *cache, unsigned class)
{
	struct threadcache_list *list;
	void *block;
	unsigned n;

	/* few are recorded: none is kept for the next one */
	if (!cache->all_reported || !tagged_begin(cache))
		return central_take_one(class + SIZECLASS_TAGGED);
	list = &cache->tagged[class];
	list->batch = (uint8_t)MIN(MAX(list->batch * 2u, 1u), tagged_batch(class));
	n = central_take(class + SIZECLASS_TAGGED, list->batch,
			 hooks_report_all() ? threadcache_number(cache) : 0, &block);
	if (!n)
		return NULL;
	list->head = n > 1 ? *(void **)block : NULL;
	list->capacity = (uint16_t)MAX(list->capacity, 2 * MAX(n, list->batch));
	list->room = list->capacity - (n - 1);
	return block;
}

void *tagged_take(struct threadcache *cache, unsigned class, uint32_t **ret_tag)
{
	struct threadcache_list *list = &cache->tagged[class];
	void *block;

	if (likely(cache->tagged && list->head)) {
		block = list->head;
		list->head = *(void **)block;
		list->room++;
	} else {
		block = tagged_refill(cache, class);
		if (!block)
			return NULL;
	}
	*ret_tag = tagged_find(class, block);
	__atomic_store_n(*ret_tag, 0, __ATOMIC_RELAXED);
	return block;
}

/* Makes room in a full list. What goes away are the older blocks. */
static _noinline_ void tagged_make_room(struct threadcache *cache, struct threadcache_list *list,
					unsigned class)
{
	const unsigned keep = list->capacity / 2, n = list->capacity;
	const unsigned most = 2 * tagged_batch(sizeclass_plain(class));
	void **last = (void **)list->head;
	void *rest;

	if (n < most) {
		list->room = MIN(MAX(n, 2), most - n);
		list->capacity = (uint16_t)(n + list->room);
		return;
	}
	for (unsigned i = keep; i > 1; i--)
		last = *last;
	rest = *last;
	*last = NULL;
	list->room += n - keep;
	central_give(class, rest, n - keep);
}

void tagged_give(struct threadcache *cache, unsigned class, void *block, uint32_t *tag)
{
	struct threadcache_list *list;

	__atomic_store_n(tag, TAGGED_FREE, __ATOMIC_RELAXED);
	if (unlikely(!cache || !cache->all_reported || !tagged_begin(cache))) {
		central_give_one(class, block);
		return;
	}
	list = &cache->tagged[class - SIZECLASS_TAGGED];
	if (unlikely(!list->room))
		tagged_make_room(cache, list, class);
	*(void **)block = list->head;
	list->head = block;
	list->room--;
}

static void tagged_empty(struct threadcache_list *list, unsigned class)
{
	const unsigned n = list->capacity - list->room;
	void *head = list->head;

	*list = (struct threadcache_list){0};
	if (n)
		central_give(class + SIZECLASS_TAGGED, head, n);
}

void tagged_flush(struct threadcache *cache)
{
	if (!cache->tagged)
		return;
	for (unsigned class = 1; class < SIZECLASS_N; class ++)
		if (cache->tagged[class].capacity)
			tagged_empty(&cache->tagged[class], class);
}

_noinline_ void tagged_leave_all(struct threadcache *cache)
{
	cache->busy = 1;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	for (unsigned class = 1; cache->tagged && class < SIZECLASS_N; class ++) {
		if (!cache->tagged[class].capacity)
			continue;
		tagged_empty(&cache->tagged[class], class);
		central_retire(class + SIZECLASS_TAGGED);
	}
	threadcache_leave(cache);
}

uint64_t tagged_forget(struct threadcache *cache)
{
	uint64_t n = 0;

	for (unsigned class = 1; class < SIZECLASS_N; class ++) {
		n += tagged_count(cache, class);
		if (cache->tagged)
			cache->tagged[class] = (struct threadcache_list){0};
	}
	return n;
}

__attribute__((no_sanitize("thread"))) uint64_t tagged_count(const struct threadcache *cache,
							     unsigned class)
{
	const struct threadcache_list *lists = __atomic_load_n(&cache->tagged, __ATOMIC_RELAXED);
	struct threadcache_list list;

	if (!lists)
		return 0;
	/* a copy: it may change meanwhile */
	list = *(const volatile struct threadcache_list *)&lists[class];
	return threadcache_list_count(&list);
}
