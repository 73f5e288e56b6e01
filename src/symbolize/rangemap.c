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
 * A lookup is then one binary search, whatever the ranges were. There are at most two segments a range,
 * and the sweep is O(n log n), so that hostile input cannot make it slow.
 */
#include "symbolize/rangemap.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/macro.h"

/* The ranges that are open at one place of the sweep. */
struct range_heap {
	const struct range **items; /* items[0] has the highest rank */
	size_t n_items;
};

void rangemap_deinit(struct rangemap *map)
{
	free(map->ranges);
	free(map->segments);
	*map = (struct rangemap){};
}

int rangemap_add(struct rangemap *map, uint64_t start, uint64_t end, uint64_t rank, uint32_t value)
{
	if (start >= end)
		return 0;
	if (map->n_ranges == map->capacity) {
		size_t capacity = map->capacity ? map->capacity * 2 : 8;
		struct range *ranges = reallocarray(map->ranges, capacity, sizeof(*ranges));

		if (!ranges)
			return -ENOMEM;
		map->ranges = ranges;
		map->capacity = capacity;
	}
	map->ranges[map->n_ranges++] = (struct range){start, end, rank, value};
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
static void sort(struct rangemap *map)
{
	for (size_t i = 1; i < map->n_ranges; i++) {
		if (compare_ranges(&map->ranges[i - 1], &map->ranges[i]) > 0) {
			qsort(map->ranges, map->n_ranges, sizeof(*map->ranges), compare_ranges);
			return;
		}
	}
}

/* There is room for two segments a range and one more. */
static void segment_add(struct rangemap *map, uint64_t start, uint32_t value)
{
	struct range_segment *last = map->n_segments ? &map->segments[map->n_segments - 1] : NULL;

	if (last && last->value == value)
		return;
	map->segments[map->n_segments++] = (struct range_segment){start, value};
}

static void sweep(struct rangemap *map, struct range_heap *heap)
{
	size_t i = 0;
	uint64_t place = 0;

	while (i < map->n_ranges || heap->n_items > 0) {
		if (heap->n_items == 0)
			place = map->ranges[i].start;
		while (i < map->n_ranges && map->ranges[i].start <= place)
			heap_push(heap, &map->ranges[i++]);
		while (heap->n_items > 0 && heap->items[0]->end <= place)
			heap_pop(heap);
		if (heap->n_items == 0) {
			segment_add(map, place, RANGE_NONE);
			continue;
		}
		segment_add(map, place, heap->items[0]->value);
		place = heap->items[0]->end;
		if (i < map->n_ranges)
			place = MIN(place, map->ranges[i].start);
	}
	segment_add(map, place, RANGE_NONE);
}

int rangemap_build(struct rangemap *map)
{
	_cleanup_free_ const struct range **items = NULL;
	struct range_heap heap = {};
	struct range_segment *segments;

	if (map->n_ranges == 0)
		return 0;
	items = reallocarray(NULL, map->n_ranges, sizeof(const struct range *));
	map->segments = reallocarray(NULL, 2 * map->n_ranges + 1, sizeof(*map->segments));
	if (!items || !map->segments)
		return -ENOMEM;
	sort(map);
	heap.items = items;
	sweep(map, &heap);

	segments = reallocarray(map->segments, map->n_segments, sizeof(*segments));
	if (segments)
		map->segments = segments;
	free(map->ranges);
	map->ranges = NULL;
	map->n_ranges = map->capacity = 0;
	return 0;
}

uint32_t rangemap_find(const struct rangemap *map, uint64_t address)
{
	size_t low = 0, high = map->n_segments;

	/* the first segment that starts behind address is at high */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (map->segments[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 ? map->segments[low - 1].value : RANGE_NONE;
}
