/* SPDX-License-Identifier: MIT */
/*
 * rangemap.c: overlapping ranges flattened into disjoint segments.
 *
 * Compilation units, functions, inlined calls, symbols and JIT code are all the same question: which of
 * these ranges is the right one for this address? They nest where they are well made, and overlap
 * anyhow where two functions were folded into one, where a JIT reused memory, or where the file is
 * damaged. The rank says who wins, and the answer is worked out once, for all addresses, by a sweep
 * over the ranges in the order of their starts with a heap of those that are open, the highest rank on
 * top:
 *
 *	ranges          |------------ A -----------------|
 *	                      |----- B -----|    |-- C -------|
 *	                         |- D -|
 *	segments        | A   |B | D   |B   |A   | C          | hole
 *
 * There are at most two segments a range, and the sweep is O(n log n), so that hostile input cannot make
 * it slow. A lookup is a binary search, whatever the ranges were; but profiles ask in no order, and then most
 * of its steps miss the cache. Code is spread evenly enough that a bucket of addresses leads to a few
 * segments, of which the search is the rest.
 */
#include "symbolize/rangemap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

/* Segments to a bucket, on average: what fills a line of the cache. */
enum { BUCKET_SEGMENTS = 4 };

/* The ranges that are open at one place of the sweep. */
struct range_heap {
	const struct range **items; /* items[0] has the highest rank */
	size_t n_items;
};

/* The segments so far. */
struct segments {
	struct range_segment *items;
	size_t n_items;
};

void rangemap_builder_deinit(struct rangemap_builder *builder)
{
	free(builder->ranges);
	free(builder->open);
	free(builder->segments);
	*builder = (struct rangemap_builder){};
}

void rangemap_deinit(struct rangemap *map)
{
	free(map->segments);
	*map = (struct rangemap){};
}

int rangemap_add(struct rangemap_builder *builder, uint64_t start, uint64_t end, uint64_t rank,
		 uint32_t value)
{
	if (start >= end)
		return 0;
	if (builder->n_ranges == builder->capacity) {
		size_t capacity = builder->capacity ? builder->capacity * 2 : 8;
		struct range *ranges = reallocarray(builder->ranges, capacity, sizeof(*ranges));

		if (!ranges)
			return -ENOMEM;
		builder->ranges = ranges;
		builder->capacity = capacity;
	}
	builder->ranges[builder->n_ranges++] = (struct range){start, end, rank, value};
	return 0;
}

uint64_t rangemap_rank_narrow(uint64_t start, uint64_t end)
{
	return UINT64_MAX - (end - start);
}

static void heap_push(struct range_heap *heap, const struct range *range)
{
	size_t place = heap->n_items++;

	while (place > 0) {
		size_t parent = (place - 1) / 2;

		if (heap->items[parent]->rank > range->rank)
			break;
		heap->items[place] = heap->items[parent];
		place = parent;
	}
	heap->items[place] = range;
}

static void heap_pop(struct range_heap *heap)
{
	const struct range *last = heap->items[--heap->n_items];
	size_t place = 0;

	for (;;) {
		size_t child = 2 * place + 1;

		if (child >= heap->n_items)
			break;
		if (child + 1 < heap->n_items &&
		    heap->items[child + 1]->rank > heap->items[child]->rank)
			child++;
		if (heap->items[child]->rank <= last->rank)
			break;
		heap->items[place] = heap->items[child];
		place = child;
	}
	heap->items[place] = last;
}

/* Total, so that equal ranges are told apart the same way on every machine. */
static int compare_ranges(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return (x->value > y->value) - (x->value < y->value);
}

/* Entries of debug information mostly come in the order of their code. */
static void sort(struct rangemap_builder *builder)
{
	for (size_t i = 1; i < builder->n_ranges; i++) {
		if (compare_ranges(&builder->ranges[i - 1], &builder->ranges[i]) > 0) {
			qsort(builder->ranges, builder->n_ranges, sizeof(*builder->ranges),
			      compare_ranges);
			return;
		}
	}
}

/* There is room for two segments a range and one more. */
static void segment_add(struct segments *segments, uint64_t start, uint32_t value)
{
	if (segments->n_items && segments->items[segments->n_items - 1].value == value)
		return;
	segments->items[segments->n_items++] = (struct range_segment){start, value};
}

static void sweep(const struct rangemap_builder *builder, struct range_heap *heap,
		  struct segments *segments)
{
	size_t i = 0;
	uint64_t place = 0;

	while (i < builder->n_ranges || heap->n_items > 0) {
		if (heap->n_items == 0)
			place = builder->ranges[i].start;
		while (i < builder->n_ranges && builder->ranges[i].start <= place)
			heap_push(heap, &builder->ranges[i++]);
		while (heap->n_items > 0 && heap->items[0]->end <= place)
			heap_pop(heap);
		if (heap->n_items == 0) {
			segment_add(segments, place, RANGE_NONE);
			continue;
		}
		segment_add(segments, place, heap->items[0]->value);
		place = heap->items[0]->end;
		if (i < builder->n_ranges)
			place = MIN(place, builder->ranges[i].start);
	}
	segment_add(segments, place, RANGE_NONE);
}

static size_t count_buckets(const struct rangemap *map)
{
	return (size_t)(map->span >> map->shift) + 1;
}

static uint32_t *guide_of(const struct rangemap *map)
{
	return (uint32_t *)(map->segments + map->n_segments);
}

static void make_guide(struct rangemap *map)
{
	const size_t n = count_buckets(map);
	uint32_t *guide = guide_of(map), segment = 0;

	for (size_t i = 0; i < n; i++) {
		const uint64_t start = map->first + ((uint64_t)i << map->shift);

		while (segment + 1 < map->n_segments && map->segments[segment + 1].start <= start)
			segment++;
		guide[i] = segment;
	}
	guide[n] = map->n_segments - 1;
}

/* Of exactly what is needed, since there are many maps. */
static int make_map(struct rangemap *map, const struct segments *segments)
{
	const size_t n = segments->n_items;
	struct rangemap made = {.first = segments->items[0].start, .n_segments = (uint32_t)n};

	if (n > UINT32_MAX)
		return -ENOMEM;
	made.span = segments->items[n - 1].start - made.first;
	while (made.span >> made.shift > n / BUCKET_SEGMENTS + 1)
		made.shift++;
	made.segments =
		malloc(n * sizeof(*made.segments) + (count_buckets(&made) + 1) * sizeof(uint32_t));
	if (!made.segments)
		return -ENOMEM;
	memcpy(made.segments, segments->items, n * sizeof(*made.segments));
	make_guide(&made);
	*map = made;
	return 0;
}

static int reserve_work(struct rangemap_builder *builder)
{
	const size_t n = builder->capacity;
	const struct range **open;
	struct range_segment *segments;

	if (builder->work_capacity >= n)
		return 0;
	open = reallocarray(builder->open, n, sizeof(const struct range *));
	if (!open)
		return -ENOMEM;
	builder->open = open;
	segments = reallocarray(builder->segments, 2 * n + 1, sizeof(*segments));
	if (!segments)
		return -ENOMEM;
	builder->segments = segments;
	builder->work_capacity = n;
	return 0;
}

int rangemap_build(struct rangemap_builder *builder, struct rangemap *map)
{
	struct range_heap heap = {};
	struct segments segments = {};
	int r = 0;

	if (builder->n_ranges == 0)
		return 0;
	r = reserve_work(builder);
	if (r >= 0) {
		heap.items = builder->open;
		segments.items = builder->segments;
		sort(builder);
		sweep(builder, &heap, &segments);
		r = make_map(map, &segments);
	}
	builder->n_ranges = 0;
	return r;
}

uint32_t rangemap_find(const struct rangemap *map, uint64_t address)
{
	const uint64_t offset = address - map->first;
	const uint32_t *guide;
	size_t low, high;

	/* an empty map has no span; behind the last range there is nothing */
	if (address < map->first || offset >= map->span)
		return RANGE_NONE;
	guide = guide_of(map) + (offset >> map->shift);
	/* the segment is low, or one behind it up to high */
	low = guide[0];
	high = guide[1];
	while (low < high) {
		size_t middle = high - (high - low) / 2;

		if (map->segments[middle].start <= address)
			low = middle;
		else
			high = middle - 1;
	}
	return map->segments[low].value;
}
