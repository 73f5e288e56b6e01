/* SPDX-License-Identifier: MIT */
/*
 * fast-arenas.c: one pass over the table of spans, which together are the heap.
 *
 * Three readings: the root, the tables of classes and the lists' heads (fast-heap.c); the spans, and which
 * of their blocks lie on lists, free without a bit that says so (fast-pieces.c); here, the spans in order
 * of address against the pages that are resident. What a span has in use, from which follows what it has
 * free, is at most what is resident of it: which page of a span a block lies in is not looked at.
 *
 *	span of small blocks = n_blocks * size + end      end is metadata
 *	    in use           = n_blocks - bits set - share of what is cached
 *	large span           = in use
 *	free pages, dirty    = free and resident
 *	free pages, clean    = free
 */
#include "process/fast-arenas.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "heap/published.h"
#include "process/fast-heap.h"
#include "process/fast-pieces.h"

enum { WINDOW_PAGES = 8192, SPARSE = 8, PINS_MAX = 16 };
/* A pin that holds less is not worth a word. */
static const uint64_t pin_min = 64 << 10;

/* Residency of the pages around the one that was asked for last. */
struct window {
	uint64_t start, end;
	uint8_t pages[WINDOW_PAGES];
};

struct reader {
	struct fast_heap heap;
	struct memory *memory;
	struct arenas *arenas;
	struct fast_pieces pieces;
	struct window window;
	struct arena main, huge; /* sums */
	struct arena_pin pins[FAST_HEAP_CLASSES];
	struct arena_range range; /* that grows */
};

static int window_count(struct reader *reader, uint64_t start, uint64_t end, uint64_t *ret)
{
	struct window *window = &reader->window;
	uint64_t resident = 0;

	for (uint64_t at = start; at < end; at += MEMORY_PAGE_SIZE) {
		if (at < window->start || at >= window->end) {
			int r = memory_pages(reader->memory, at, WINDOW_PAGES, window->pages);

			if (r < 0)
				return r;
			window->start = at;
			window->end = at + (uint64_t)WINDOW_PAGES * MEMORY_PAGE_SIZE;
		}
		if (window->pages[(at - window->start) / MEMORY_PAGE_SIZE] & MEMORY_RESIDENT)
			resident += MEMORY_PAGE_SIZE;
	}
	*ret = resident;
	return 0;
}

/* Bytes of a piece by what they are, and of those what is resident. */
struct tally {
	uint64_t in_use, n_in_use, free, n_free, cached, metadata;
	uint64_t in_use_resident, free_resident, metadata_resident;
};

static void tally_small(const struct reader *reader, const struct fast_piece *piece,
			uint64_t resident, struct tally *tally)
{
	const struct fast_class *class = fast_heap_class(&reader->heap, piece->class);
	const uint64_t out = class->n_blocks - piece->n_free;
	const uint64_t n_cached = fast_pieces_cached(&reader->pieces, &reader->heap, piece);

	tally->n_in_use = out - n_cached;
	tally->in_use = tally->n_in_use * class->size;
	tally->cached = n_cached * class->size;
	tally->n_free = class->n_blocks - tally->n_in_use;
	tally->free = tally->n_free * class->size;
	tally->metadata = piece->size - MIN(piece->size, tally->in_use + tally->free);
	tally->in_use_resident = MIN(tally->in_use, resident);
	tally->free_resident = MIN(tally->free, resident - tally->in_use_resident);
	tally->metadata_resident = resident - tally->in_use_resident - tally->free_resident;
}

static void tally_piece(const struct reader *reader, const struct fast_piece *piece,
			uint64_t resident, struct tally *tally)
{
	*tally = (struct tally){};
	if (piece->state == SPAN_SMALL) {
		tally_small(reader, piece, resident, tally);
	} else if (piece->state == SPAN_LARGE || piece->state == SPAN_HUGE) {
		tally->n_in_use = 1;
		tally->in_use = piece->size;
		tally->in_use_resident = resident;
	} else {
		tally->n_free = 1;
		tally->free = piece->size;
		tally->free_resident = resident;
	}
}

static void sum_up(struct arena *arena, const struct fast_piece *piece, const struct tally *tally)
{
	arena->system += piece->size;
	arena->in_use += tally->in_use;
	arena->in_use_blocks += tally->n_in_use;
	arena->free += tally->free;
	arena->free_blocks += tally->n_free;
	arena->cached += tally->cached;
	arena->metadata += tally->metadata;
	arena->in_use_resident += tally->in_use_resident;
	arena->free_resident += tally->free_resident;
	arena->metadata_resident += tally->metadata_resident;
	if (piece->state == SPAN_DIRTY || piece->state == SPAN_BUSY)
		arena->trimmable += tally->free_resident;
}

static void count_sizes(const struct reader *reader, const struct fast_piece *piece,
			const struct tally *tally)
{
	const uint64_t size = piece->state == SPAN_SMALL
				      ? fast_heap_class(&reader->heap, piece->class)->size
				      : piece->size;
	struct arena_sizes *sizes = &reader->arenas->sizes;
	const size_t index = arena_sizes_class(size);

	/* free runs of pages serve every size */
	if (piece->state != SPAN_SMALL && piece->state != SPAN_LARGE)
		return;
	sizes->in_use[index].blocks += tally->n_in_use;
	sizes->in_use[index].bytes += tally->n_in_use * size;
	if (piece->state != SPAN_SMALL)
		return;
	sizes->holes[index].blocks += tally->n_free - tally->cached / size;
	sizes->holes[index].bytes += tally->n_free * size - tally->cached;
}

/* A span of which one block in SPARSE or fewer are out is held by those. */
static void look_for_pin(struct reader *reader, const struct fast_piece *piece,
			 const struct tally *tally)
{
	const struct fast_class *class = fast_heap_class(&reader->heap, piece->class);
	struct arena_pin *pin = &reader->pins[fast_heap_plain(&reader->heap, piece->class)];

	if (piece->state != SPAN_SMALL || tally->n_in_use == 0 ||
	    tally->n_in_use * SPARSE > class->n_blocks)
		return;
	if (pin->n_blocks == 0) {
		pin->address = piece->first;
		pin->size = class->size;
		pin->start = piece->start;
	}
	pin->end = piece->start + piece->size;
	pin->n_blocks += tally->n_in_use;
	pin->bytes += tally->in_use;
	pin->holds += tally->free_resident;
}

static int flush_range(struct reader *reader)
{
	struct arena_range *range;

	if (reader->range.start == reader->range.end)
		return 0;
	range = arenas_add_range(reader->arenas);
	if (!range)
		return -ENOMEM;
	*range = reader->range;
	reader->range = (struct arena_range){};
	return 0;
}

/* Pieces that touch make one range, unless one of them is a mapping of its own. */
static int extend_range(struct reader *reader, const struct fast_piece *piece,
			const struct tally *tally, uint32_t arena)
{
	struct arena_range *range = &reader->range;
	int r;

	if (range->end != piece->start || range->arena != arena || piece->state == SPAN_HUGE) {
		r = flush_range(reader);
		if (r < 0)
			return r;
		range->start = piece->start;
		range->arena = arena;
	}
	range->end = piece->start + piece->size;
	range->in_use_resident += tally->in_use_resident;
	range->free_resident += tally->free_resident;
	range->metadata_resident += tally->metadata_resident;
	return 0;
}

static int tally_pieces(struct reader *reader)
{
	const struct fast_pieces *pieces = &reader->pieces;
	const uint32_t first = (uint32_t)reader->arenas->n_arenas;

	for (size_t i = 0; i < pieces->n_pieces; i++) {
		const struct fast_piece *piece = &pieces->pieces[i];
		const bool is_huge = piece->state == SPAN_HUGE;
		struct tally tally;
		uint64_t resident;
		int r;

		r = window_count(reader, piece->start, piece->start + piece->size, &resident);
		if (r < 0)
			return r;
		tally_piece(reader, piece, resident, &tally);
		sum_up(is_huge ? &reader->huge : &reader->main, piece, &tally);
		count_sizes(reader, piece, &tally);
		look_for_pin(reader, piece, &tally);
		r = extend_range(reader, piece, &tally, first + is_huge);
		if (r < 0)
			return r;
	}
	return flush_range(reader);
}

/* The heap's own tables, which are mapped apart from its pages. */
static int add_tables(struct reader *reader)
{
	const uint32_t arena = (uint32_t)reader->arenas->n_arenas;

	for (unsigned i = 0; i < reader->heap.n_tables; i++) {
		const struct fast_table *table = &reader->heap.tables[i];
		struct arena_range *range;
		uint64_t resident;
		int r = window_count(reader, table->start, table->end, &resident);

		if (r < 0)
			return r;
		range = arenas_add_range(reader->arenas);
		if (!range)
			return -ENOMEM;
		range->start = table->start;
		range->end = table->end;
		range->arena = arena;
		range->metadata_resident = resident;
		reader->main.system += table->end - table->start;
		reader->main.metadata += table->end - table->start;
		reader->main.metadata_resident += resident;
	}
	return 0;
}

static int compare_pins(const void *a, const void *b)
{
	const struct arena_pin *x = a, *y = b;

	return x->holds < y->holds ? 1 : x->holds > y->holds ? -1 : 0;
}

static int keep_pins(struct reader *reader, struct arena *arena)
{
	struct arena_pin *pins = reader->pins;
	size_t n = 0;

	qsort(pins, FAST_HEAP_CLASSES, sizeof(*pins), compare_pins);
	while (n < PINS_MAX && pins[n].holds >= pin_min)
		n++;
	if (n == 0)
		return 0;
	arena->pins = malloc(n * sizeof(*pins));
	if (!arena->pins)
		return -ENOMEM;
	memcpy(arena->pins, pins, n * sizeof(*pins));
	arena->n_pins = n;
	return 0;
}

static int add_arena(struct reader *reader, const struct arena *sums, enum arena_kind kind)
{
	struct arena *arena = arenas_add(reader->arenas);

	if (!arena)
		return -ENOMEM;
	*arena = *sums;
	arena->allocator = ARENAS_FAST;
	arena->kind = kind;
	arena->id = (uint32_t)(reader->arenas->n_arenas - 1);
	arena->address = reader->heap.root;
	arena->n_heaps = 1;
	arena->peak_system = ARENAS_UNKNOWN;
	arena->resident = arena->in_use_resident + arena->free_resident + arena->metadata_resident;
	if (kind != ARENA_FAST)
		return 0;
	arena->tids = TAKE_PTR(reader->heap.tids);
	arena->n_tids = reader->heap.n_tids;
	return keep_pins(reader, arena);
}

static int read_heap(struct reader *reader)
{
	int r = fast_pieces_read(&reader->heap, reader->memory, &reader->pieces);

	if (r >= 0)
		r = tally_pieces(reader);
	if (r >= 0)
		r = add_tables(reader);
	if (r >= 0)
		r = add_arena(reader, &reader->main, ARENA_FAST);
	if (r >= 0 && reader->huge.system > 0)
		r = add_arena(reader, &reader->huge, ARENA_MMAPPED);
	arenas_sort(reader->arenas);
	return r;
}

int fast_arenas_read(uint64_t root, const struct maps *maps, struct memory *memory,
		     struct arenas *arenas)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	int r;

	if (!reader)
		return -ENOMEM;
	reader->memory = memory;
	reader->arenas = arenas;
	r = fast_heap_read(root, maps, memory, &reader->heap, &arenas->refused);
	if (r > 0)
		r = read_heap(reader);
	fast_heap_deinit(&reader->heap);
	fast_pieces_deinit(&reader->pieces);
	free(reader);
	return MIN(r, 0);
}
