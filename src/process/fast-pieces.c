/* SPDX-License-Identifier: MIT */
/*
 * fast-pieces.c: the lists of free blocks run through the blocks themselves, anywhere in the heap; neighbours
 * on a list are often neighbours in memory, so links are read by the page, and a page is kept for the next.
 * Lists change while they are followed: each link has to lead to a block of the class, else the class is
 * given up and its cached blocks are spread.
 */
#include "process/fast-pieces.h"

#include <errno.h>
#include <stdlib.h>

#include "base/grow.h"
#include "base/macro.h"
#include "base/search.h"
#include "heap/published.h"

enum { KEPT_PAGES = 64, LINKS_MAX = 400000 };

struct kept_page {
	uint64_t address;
	uint64_t words[MEMORY_PAGE_SIZE / 8];
};

struct walk {
	const struct fast_heap *heap;
	struct fast_pieces *pieces;
	struct memory *memory;
	struct kept_page *kept; /* KEPT_PAGES of them, by page number */
	unsigned n_links;
};

void fast_pieces_deinit(struct fast_pieces *pieces)
{
	free(pieces->pieces);
	*pieces = (struct fast_pieces){};
}

/* The first block of a small span without a bit that says it is free. */
static uint64_t first_used(const struct fast_class *class, const struct span *span, uint64_t blocks)
{
	for (unsigned i = 0; i < class->n_blocks && i < SPAN_BITMAP_WORDS * 64; i++)
		if (!(span->free[i / 64] >> (i % 64) & 1))
			return blocks + (uint64_t)i * class->size;
	return 0;
}

static int add_piece(const struct span *span, uint64_t start, uint64_t size, void *walk_)
{
	struct walk *walk = walk_;
	struct fast_pieces *pieces = walk->pieces;
	const struct fast_class *class = fast_heap_class(walk->heap, span->class);
	struct fast_piece piece = {
		.start = start,
		.size = size,
		.blocks = fast_heap_first_block(span, start),
		.state = span->state,
		.class = span->class,
	};

	if (span->state == SPAN_HUGE)
		piece.size = ALIGN_UP(size, HEAP_PAGE);
	if (!piece.size || (span->state == SPAN_SMALL && !class->n_blocks))
		return 0;
	if (span->state == SPAN_SMALL) {
		piece.n_free = (uint16_t)MIN(span->n_free, class->n_blocks);
		piece.first = first_used(class, span, piece.blocks);
	}
	if (GROW(pieces->pieces, pieces->n_pieces) < 0)
		return -ENOMEM;
	pieces->pieces[pieces->n_pieces++] = piece;
	return 0;
}

static int compare_pieces(const void *a, const void *b)
{
	const struct fast_piece *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Spans that were split or merged while they were copied overlap: the first of two stands. */
static void put_in_order(struct fast_pieces *pieces)
{
	uint64_t end = 0;
	size_t n = 0;

	if (pieces->n_pieces > 0)
		qsort(pieces->pieces, pieces->n_pieces, sizeof(*pieces->pieces), compare_pieces);
	for (size_t i = 0; i < pieces->n_pieces; i++) {
		if (pieces->pieces[i].start < end)
			continue;
		end = pieces->pieces[i].start + pieces->pieces[i].size;
		pieces->pieces[n++] = pieces->pieces[i];
	}
	pieces->n_pieces = n;
}

static struct fast_piece *find_piece(struct fast_pieces *pieces, uint64_t address)
{
	const size_t low = SEARCH(pieces->n_pieces, i,
				  pieces->pieces[i].start + pieces->pieces[i].size <= address);

	if (low == pieces->n_pieces || pieces->pieces[low].start > address)
		return NULL;
	return &pieces->pieces[low];
}

/* The words at address, of which ret takes n; they are in one page. */
static bool read_words(struct walk *walk, uint64_t address, uint64_t *ret, size_t n)
{
	const uint64_t page = ALIGN_DOWN(address, (uint64_t)MEMORY_PAGE_SIZE);
	struct kept_page *kept = &walk->kept[page / MEMORY_PAGE_SIZE % KEPT_PAGES];

	if (address % 16)
		return false;
	if (kept->address != page) {
		kept->address = 0;
		if (memory_read(walk->memory, page, kept->words, sizeof(kept->words)) < 0)
			return false;
		kept->address = page;
	}
	for (size_t i = 0; i < n; i++)
		ret[i] = kept->words[(address - page) / 8 + i];
	return true;
}

/* Counts n blocks from head on; ret_second, if it is not NULL, is the first one's second word. */
static bool follow(struct walk *walk, uint32_t class, uint64_t head, uint32_t n,
		   uint64_t *ret_second)
{
	const struct fast_class *sizes = fast_heap_class(walk->heap, class);
	uint64_t at = head, words[2];

	for (uint32_t i = 0; i < n; i++) {
		struct fast_piece *piece = find_piece(walk->pieces, at);

		if (!piece || piece->state != SPAN_SMALL || piece->class != class ||
		    at < piece->blocks || (at - piece->blocks) % sizes->size ||
		    walk->n_links++ >= LINKS_MAX ||
		    piece->n_cached + piece->n_free >= sizes->n_blocks)
			return false;
		piece->n_cached++;
		/* the last one of a list leads nowhere, and may never have been touched */
		if (i + 1 == n && !ret_second)
			break;
		if (!read_words(walk, at, words, 2))
			return false;
		if (i == 0 && ret_second)
			*ret_second = words[1];
		at = words[0];
	}
	return true;
}

static bool follow_list(struct walk *walk, const struct fast_list *list)
{
	uint64_t head = list->head, second = 0;

	if (list->batch == 0)
		return follow(walk, list->class, head, list->n, NULL);
	for (uint32_t i = 0; i < list->n; i++) {
		if (!follow(walk, list->class, head, list->batch, &second))
			return false;
		head = second;
	}
	return true;
}

static int follow_lists(struct walk *walk)
{
	const struct fast_heap *heap = walk->heap;

	walk->kept = calloc(KEPT_PAGES, sizeof(*walk->kept));
	if (!walk->kept)
		return -ENOMEM;
	for (unsigned i = 0; i < FAST_HEAP_CLASSES; i++)
		walk->pieces->followed[i] = true;
	for (size_t i = 0; i < heap->n_lists; i++) {
		const struct fast_list *list = &heap->lists[i];
		bool *followed = &walk->pieces->followed[list->class % FAST_HEAP_CLASSES];

		*followed = *followed && follow_list(walk, list);
	}
	free(walk->kept);
	return 0;
}

int fast_pieces_read(const struct fast_heap *heap, struct memory *memory, struct fast_pieces *ret)
{
	struct walk walk = {.heap = heap, .pieces = ret, .memory = memory};
	int r;

	*ret = (struct fast_pieces){};
	r = fast_heap_spans(heap, memory, add_piece, &walk);
	if (r < 0)
		return r;
	put_in_order(ret);
	return follow_lists(&walk);
}

uint64_t fast_pieces_cached(const struct fast_pieces *pieces, const struct fast_heap *heap,
			    const struct fast_piece *piece)
{
	const struct fast_class *class = fast_heap_class(heap, piece->class);
	const uint64_t out = class->n_blocks - piece->n_free;

	if (pieces->followed[piece->class % FAST_HEAP_CLASSES])
		return MIN(piece->n_cached, out);
	return (uint64_t)((double)out * class->cached + 0.5);
}
