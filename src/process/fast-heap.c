/* SPDX-License-Identifier: MIT */
/*
 * fast-heap.c: the root says how large everything is. It is believed as far as it agrees with the layout
 * that this tool was built with: agent and tool come in one package, and a heap of another version is
 * refused, not guessed. The table of spans is copied in large pieces.
 */
#include "process/fast-heap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/macro.h"
#include "heap/published.h"

enum { CACHES_MAX = 1 << 16, DESCRIPTOR_TID = 0x2d0, SPANS_AT_ONCE = 1024 };
static const uint64_t used_max = 1ull << 46, n_spans_max = 1ull << 28;

void fast_heap_deinit(struct fast_heap *heap)
{
	free(heap->tids);
	free(heap->lists);
	heap->tids = NULL;
	heap->lists = NULL;
}

static int refuse(char **ret, const char *why, uint64_t number)
{
	char text[160];

	snprintf(text, sizeof(text), why, (unsigned long long)number);
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

static bool is_sound(const struct heap_root *root)
{
	return root->root_size == sizeof(*root) && root->span_size == sizeof(struct span) &&
	       root->class_size == sizeof(struct sizeclass) &&
	       root->central_size == sizeof(struct central) &&
	       root->bin_size == sizeof(struct threadcache_bin) &&
	       root->list_size == sizeof(struct threadcache_list) &&
	       root->bins_offset == offsetof(struct threadcache, bins) &&
	       root->page_shift == HEAP_PAGE_SHIFT && root->used <= used_max &&
	       root->n_spans <= n_spans_max && root->n_classes <= SIZECLASS_N &&
	       root->tagged + SIZECLASS_N <= FAST_HEAP_CLASSES && root->tagged >= root->n_classes;
}

static void add_table(struct fast_heap *heap, const struct maps *maps, uint64_t start)
{
	const struct mapping *mapping = start ? maps_find(maps, start) : NULL;

	if (!mapping || !mapping->write || heap->n_tables == FAST_HEAP_TABLES)
		return;
	start = ALIGN_DOWN(start, HEAP_PAGE);
	for (unsigned i = 0; i < heap->n_tables; i++) {
		struct fast_table *other = &heap->tables[i];

		/* two in one mapping: each up to the next */
		if (other->end == mapping->end && other->start < start)
			other->end = start;
		else if (other->start >= start && other->end <= mapping->end)
			return;
	}
	heap->tables[heap->n_tables++] = (struct fast_table){start, mapping->end};
}

static int add_list(struct fast_heap *heap, const struct fast_list *list)
{
	if (list->n == 0)
		return 0;
	if (GROW(heap->lists, heap->n_lists) < 0)
		return -ENOMEM;
	heap->lists[heap->n_lists++] = *list;
	return 0;
}

/* The same where it is a thread's; adds its length to the class's. */
static int add_cached(struct fast_heap *heap, const struct fast_list *list, uint64_t *cached)
{
	cached[list->class] += list->n;
	return add_list(heap, list);
}

/* A block that is free without being linked to another. */
static int add_single(struct fast_heap *heap, uint64_t block, unsigned class, uint64_t *cached)
{
	return add_cached(heap, &(struct fast_list){.head = block, .n = 1, .class = class}, cached);
}

/* The blocks in a class's outbox. */
static int read_outbox(struct fast_heap *heap, struct memory *memory,
		       const struct threadcache *cache, unsigned class, uint64_t *cached)
{
	const struct threadcache_bin *bin = &cache->bins[class];
	const unsigned n = threadcache_sent(bin);
	uint64_t blocks[OUTBOX_N];
	int r;

	if (!n || !cache->outboxes[class])
		return 0;
	r = memory_read(memory,
			(uintptr_t)cache->outboxes[class] +
				offsetof(struct threadcache_outbox, blocks) +
				bin->top * sizeof(blocks[0]),
			blocks, n * sizeof(blocks[0]));
	for (unsigned i = 0; i < n && r >= 0; i++)
		r = add_single(heap, blocks[i], class, cached);
	return r;
}

/* The blocks that a cache's thread has picked of a class; ret_n says how many. */
static int read_picks(struct fast_heap *heap, const struct threadcache *cache, unsigned class,
		      uint64_t *cached, uint32_t *ret_n)
{
	const struct threadcache_bin *bin = &cache->bins[class];
	const unsigned n_words = class < PICKS_WIDE ? SPAN_BITMAP_WORDS : 1;
	const uint64_t size = heap->classes[class].size;
	int r = 0;

	*ret_n = 0;
	for (unsigned word = 0; word < n_words; word++) {
		uint64_t bits = word ? cache->picks_next[class][word - 1] : bin->picks;

		for (; bits && r >= 0; bits &= bits - 1, ++*ret_n)
			r = add_single(heap,
				       bin->start +
					       (word * 64 + (uint64_t)__builtin_ctzll(bits)) * size,
				       class, cached);
	}
	return r;
}

/* What a cache holds of blocks without tags. */
static int read_bins(struct fast_heap *heap, struct memory *memory, const struct threadcache *cache,
		     uint64_t *cached)
{
	int r = 0;

	for (unsigned class = 1; class < SIZECLASS_N && r >= 0; class ++) {
		const struct threadcache_bin *bin = &cache->bins[class];
		struct fast_list list = {.head = (uintptr_t)bin->head, .class = class};
		uint32_t n_picked = 0;

		r = read_outbox(heap, memory, cache, class, cached);
		if (r >= 0)
			r = read_picks(heap, cache, class, cached, &n_picked);
		if (bin->capacity > bin->room + (uint64_t)n_picked)
			list.n = bin->capacity - bin->room - n_picked;
		if (r >= 0)
			r = add_cached(heap, &list, cached);
	}
	return r;
}

/* The lists of blocks with tags, which a cache may have. */
static int read_tagged(struct fast_heap *heap, struct memory *memory,
		       const struct threadcache *cache, uint64_t *cached)
{
	struct threadcache_list tagged[SIZECLASS_N];
	int r = 0;

	if (cache->tagged)
		r = memory_read(memory, (uintptr_t)cache->tagged, tagged, sizeof(tagged));
	for (unsigned class = 1; cache->tagged && class < SIZECLASS_N && r >= 0; class ++)
		r = add_cached(heap,
			       &(struct fast_list){
				       .head = (uintptr_t)tagged[class].head,
				       .n = threadcache_list_count(&tagged[class]),
				       .class = heap->tagged + class,
			       },
			       cached);
	return r;
}

/* The lists of a cache, and whose it is. */
static int read_cache(struct fast_heap *heap, struct memory *memory,
		      const struct threadcache *cache, uint64_t *cached)
{
	int r = read_bins(heap, memory, cache, cached);
	int32_t tid;

	if (r >= 0)
		r = read_tagged(heap, memory, cache, cached);
	if (r < 0)
		return r;
	/* the descriptor of the thread says its id, on x86-64 */
	if (!cache->owner ||
	    memory_read(memory, cache->owner + DESCRIPTOR_TID, &tid, sizeof(tid)) < 0 || tid <= 0)
		return 0;
	if (GROW(heap->tids, heap->n_tids) < 0)
		return -ENOMEM;
	heap->tids[heap->n_tids++] = (uint32_t)tid;
	return 0;
}

static int read_caches(struct fast_heap *heap, struct memory *memory, uint64_t at, uint64_t *cached)
{
	struct threadcache cache;

	for (unsigned i = 0; at && i < CACHES_MAX; i++) {
		int r = memory_read(memory, at, &cache, sizeof(cache));

		if (r >= 0)
			r = read_cache(heap, memory, &cache, cached);
		if (r < 0)
			return r;
		at = (uintptr_t)cache.next;
	}
	return 0;
}

static int read_class(struct fast_heap *heap, const struct heap_root *root, struct memory *memory,
		      unsigned class)
{
	struct sizeclass sizeclass;
	int r = memory_read(memory, root->classes + (uint64_t) class * sizeof(sizeclass),
			    &sizeclass, sizeof(sizeclass));

	/* a bitmap has to have room for them */
	if (r >= 0 && sizeclass.n_blocks <= SPAN_BITMAP_WORDS * 64)
		heap->classes[class] = (struct fast_class){.size = sizeclass.size,
							   .n_blocks = sizeclass.n_blocks,
							   .batch = sizeclass.batch};
	return r;
}

static int read_central(struct fast_heap *heap, const struct heap_root *root, struct memory *memory,
			unsigned class, uint64_t n_cached)
{
	struct fast_class *ret = &heap->classes[class];
	struct central central;
	uint64_t out;
	int r;

	if (!ret->size)
		return 0;
	r = memory_read(memory, root->centrals + (uint64_t) class * sizeof(central), &central,
			sizeof(central));
	if (r >= 0)
		r = add_list(heap, &(struct fast_list){central.batches, central.n_batches,
						       ret->batch, class});
	if (r < 0)
		return r;
	n_cached += (uint64_t)central.n_batches * ret->batch;
	out = central.n_blocks - MIN(central.n_blocks, central.n_free);
	ret->cached = out ? (double)MIN(n_cached, out) / (double)out : 0;
	return 0;
}

static int read_tables(struct fast_heap *heap, const struct heap_root *root, struct memory *memory)
{
	const unsigned tagged = root->tagged;
	uint64_t cached[FAST_HEAP_CLASSES] = {};
	int r = 0;

	for (unsigned class = 1; class < root->n_classes && r >= 0; class ++) {
		r = read_class(heap, root, memory, class);
		if (r >= 0)
			r = read_class(heap, root, memory, tagged + class);
	}
	if (r >= 0)
		r = read_caches(heap, memory, root->caches, cached);
	for (unsigned class = 1; class < root->n_classes && r >= 0; class ++) {
		r = read_central(heap, root, memory, class, cached[class]);
		if (r >= 0)
			r = read_central(heap, root, memory, tagged + class,
					 cached[tagged + class]);
	}
	return r;
}

int fast_heap_read(uint64_t address, const struct maps *maps, struct memory *memory,
		   struct fast_heap *heap, char **ret_refused)
{
	struct heap_root root;
	int r = memory_read(memory, address, &root, sizeof(root));

	*heap = (struct fast_heap){.root = address};
	if (r < 0)
		return r;
	if (root.magic != HEAP_MAGIC)
		return refuse(ret_refused,
			      "memtrace's allocator is not at 0x%llx, where its agent "
			      "says it is; it cannot be read",
			      address);
	if (root.version != HEAP_VERSION)
		return refuse(ret_refused,
			      "memtrace's allocator in the process has layout %llu, which this "
			      "memtrace cannot read",
			      root.version);
	if (!is_sound(&root))
		return refuse(ret_refused,
			      "memtrace's allocator at 0x%llx is damaged and cannot be "
			      "read",
			      address);
	if (!root.base)
		return 0;
	heap->base = root.base;
	heap->used = root.used;
	heap->spans = root.spans;
	heap->n_spans = root.n_spans;
	heap->tagged = root.tagged;
	add_table(heap, maps, root.class_of);
	add_table(heap, maps, root.span_of);
	add_table(heap, maps, root.spans);
	add_table(heap, maps, root.tags);
	r = read_tables(heap, &root, memory);
	return r < 0 ? r : 1;
}

static int visit_span(const struct fast_heap *heap, const struct span *span, fast_heap_visit visit,
		      void *userdata)
{
	const uint64_t end = span->page + (uint64_t)span->n_pages;

	if (span->state <= SPAN_NONE || span->state > SPAN_HUGE)
		return 0;
	if (span->state == SPAN_HUGE)
		return span->huge.size ? visit(span, span->huge.start, span->huge.size, userdata)
				       : 0;
	if (!span->n_pages || end > heap->used / HEAP_PAGE)
		return 0;
	return visit(span, heap->base + (uint64_t)span->page * HEAP_PAGE,
		     (uint64_t)span->n_pages * HEAP_PAGE, userdata);
}

uint64_t fast_heap_first_block(const struct span *span, uint64_t start)
{
	const bool is_shifted = span->state == SPAN_SMALL || span->state == SPAN_LARGE;

	return start + (is_shifted ? (uint64_t)span->shift * SPAN_SHIFT : 0);
}

int fast_heap_spans(const struct fast_heap *heap, struct memory *memory, fast_heap_visit visit,
		    void *userdata)
{
	struct span spans[SPANS_AT_ONCE];

	for (uint32_t i = 1; i < heap->n_spans;) {
		const uint32_t n = MIN(heap->n_spans - i, (uint32_t)SPANS_AT_ONCE);
		int r = memory_read(memory, heap->spans + (uint64_t)i * sizeof(spans[0]), spans,
				    n * sizeof(spans[0]));

		for (uint32_t k = 0; k < n && r == 0; k++)
			r = visit_span(heap, &spans[k], visit, userdata);
		if (r != 0)
			return r;
		i += n;
	}
	return 0;
}
