/* SPDX-License-Identifier: MIT */
/*
 * fast-blocks.c: see the header.
 *
 * A span of small blocks has a bit for each that is free. Those that wait in caches of threads, or in
 * batches between them, have none: they are found by following the lists, and get theirs here, in a copy
 * of the table of spans. A list that leads anywhere but to a block of its class has changed meanwhile and
 * is left.
 */
#include "process/fast-blocks.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "base/search.h"
#include "heap/published.h"
#include "process/fast-heap.h"

enum { BITS = 64 };

struct piece {
	uint64_t start, size; /* bytes */
	uint64_t first;       /* the address of its first block */
	uint64_t free[SPAN_BITMAP_WORDS];
	uint8_t state, class;
};

struct walk {
	struct fast_heap heap;
	struct memory *memory;
	struct piece *pieces; /* by address, not overlapping */
	size_t n_pieces;
};

static void walk_deinit(struct walk *walk)
{
	fast_heap_deinit(&walk->heap);
	free(walk->pieces);
}

static int add_piece(const struct span *span, uint64_t start, uint64_t size, void *walk_)
{
	struct walk *walk = walk_;
	struct piece *piece = &walk->pieces[walk->n_pieces];

	*piece = (struct piece){
		.start = start,
		.size = size,
		.first = fast_heap_first_block(span, start),
		.state = span->state,
		.class = span->class,
	};
	if (span->state == SPAN_SMALL) {
		if (!fast_heap_class(&walk->heap, span->class)->size)
			return 0;
		for (unsigned i = 0; i < SPAN_BITMAP_WORDS; i++)
			piece->free[i] = span->free[i];
	}
	walk->n_pieces++;
	return 0;
}

static int read_pieces(struct walk *walk)
{
	walk->pieces = calloc((size_t)walk->heap.n_spans + 1, sizeof(*walk->pieces));
	return walk->pieces ? fast_heap_spans(&walk->heap, walk->memory, add_piece, walk) : -ENOMEM;
}

static int compare_pieces(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Spans that were split or merged while they were copied overlap: the first of two stands. */
static void put_in_order(struct walk *walk)
{
	uint64_t end = 0;
	size_t n = 0;

	if (walk->n_pieces)
		qsort(walk->pieces, walk->n_pieces, sizeof(*walk->pieces), compare_pieces);
	for (size_t i = 0; i < walk->n_pieces; i++) {
		if (walk->pieces[i].start < end)
			continue;
		end = walk->pieces[i].start + walk->pieces[i].size;
		walk->pieces[n++] = walk->pieces[i];
	}
	walk->n_pieces = n;
}

static struct piece *find_piece(const struct walk *walk, uint64_t address)
{
	const size_t low =
		SEARCH(walk->n_pieces, i, walk->pieces[i].start + walk->pieces[i].size <= address);

	if (low == walk->n_pieces || walk->pieces[low].start > address)
		return NULL;
	return &walk->pieces[low];
}

/* Marks the block at address as free: false if there is none of the class, or it is marked already. */
static bool mark(const struct walk *walk, uint32_t class, uint64_t address)
{
	const struct fast_class *sizes = fast_heap_class(&walk->heap, class);
	struct piece *piece = find_piece(walk, address);
	uint64_t number;

	if (!piece || piece->state != SPAN_SMALL || piece->class != class || !sizes->size ||
	    address < piece->first || (address - piece->first) % sizes->size)
		return false;
	number = (address - piece->first) / sizes->size;
	if (number >= sizes->n_blocks || number >= SPAN_BITMAP_WORDS * BITS ||
	    piece->free[number / BITS] >> number % BITS & 1)
		return false;
	piece->free[number / BITS] |= 1ull << number % BITS;
	return true;
}

/* Marks n blocks from head on; ret_second is the first one's second word. */
static bool follow(struct walk *walk, uint32_t class, uint64_t head, uint32_t n,
		   uint64_t *ret_second)
{
	uint64_t at = head, words[2];

	for (uint32_t i = 0; i < n; i++) {
		if (!mark(walk, class, at) ||
		    memory_read_present(walk->memory, at, words, sizeof(words)) < 0)
			return false;
		if (i == 0)
			*ret_second = words[1];
		at = words[0];
	}
	return true;
}

static void follow_list(struct walk *walk, const struct fast_list *list)
{
	uint64_t head = list->head, second = 0;

	if (list->batch == 0) {
		follow(walk, list->class, head, list->n, &second);
		return;
	}
	for (uint32_t i = 0; i < list->n; i++) {
		if (!follow(walk, list->class, head, list->batch, &second))
			return;
		head = second;
	}
}

static int visit_small(const struct walk *walk, const struct piece *piece, arenas_visit visit,
		       void *userdata)
{
	const struct fast_class *sizes = fast_heap_class(&walk->heap, piece->class);
	int r = 0;

	for (unsigned i = 0; i < sizes->n_blocks && i < SPAN_BITMAP_WORDS * BITS && r == 0; i++) {
		const struct arenas_block block = {
			.address = piece->first + (uint64_t)i * sizes->size,
			.size = sizes->size,
			.state =
				piece->free[i / BITS] >> i % BITS & 1 ? ARENAS_FREE : ARENAS_IN_USE,
		};

		r = visit(&block, userdata);
	}
	return r;
}

static int visit_pieces(const struct walk *walk, arenas_visit visit, void *userdata)
{
	int r = 0;

	for (size_t i = 0; i < walk->n_pieces && r == 0; i++) {
		const struct piece *piece = &walk->pieces[i];
		const bool used = piece->state == SPAN_LARGE || piece->state == SPAN_HUGE;
		const uint64_t shift = piece->first - piece->start;
		const struct arenas_block block = {
			.address = piece->first,
			.size = piece->size - MIN(piece->size, shift),
			.state = used ? ARENAS_IN_USE : ARENAS_FREE,
		};

		r = piece->state == SPAN_SMALL ? visit_small(walk, piece, visit, userdata)
					       : visit(&block, userdata);
	}
	return r;
}

int fast_blocks_visit(uint64_t root, const struct maps *maps, struct memory *memory,
		      arenas_visit visit, void *userdata, char **ret_why)
{
	_cleanup_(walk_deinit) struct walk walk = {.memory = memory};
	int r = fast_heap_read(root, maps, memory, &walk.heap, ret_why);

	if (r <= 0)
		return r < 0 ? r : -ENOTSUP;
	r = read_pieces(&walk);
	if (r < 0)
		return r;
	put_in_order(&walk);
	for (size_t i = 0; i < walk.heap.n_lists; i++)
		follow_list(&walk, &walk.heap.lists[i]);
	return visit_pieces(&walk, visit, userdata);
}
