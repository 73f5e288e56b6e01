/* SPDX-License-Identifier: MIT */
/*
 * tcmalloc's structures as they lie in memory: the page heap, the size map and the central cache in the library's
 * data, a leaf, spans, and the caches of two threads.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "process/tcmalloc-sums.h"
#include "tests/unit/test.h"

enum {
	PAGE = 8192,
	LEAF_SIZE = 2 << 20,
	N_CLASSES = 50,
	N_CLASSES_MAX = 128,
	/* in the data */
	METADATA = 0x1100, /* what is left, where, how much */
	ROOT = 0x2000,
	STATS = ROOT + 0x103068,
	CENTRAL = 0x110000, /* the first class's number */
	SIZES = 0x17001c,
	MOVED = SIZES - 4 * N_CLASSES_MAX,
	CACHES = 0x171000, /* the word that leads to one */
	DATA_SIZE = LEAF_SIZE,
	/* in the heap */
	SPANS = LEAF_SIZE,
	FIRST = SPANS + 0x1000,
	SECOND = FIRST + 0x2000,
	LEFT = SECOND + 0x2000,
	HEAP_SIZE = 2 * LEAF_SIZE,
	N_RESIDENT = 29, /* pages of spans; the rest is absent */
};

static const uint64_t data_at = 0x7f0000000000, heap_at = 0x55a500000000, at = 0x55a580000000;

struct image {
	uint8_t *data, *heap;
	struct memory *memory;
	struct maps maps;
	struct space space;
	size_t n_spans;
};

static void put(uint8_t *bytes, size_t offset, uint64_t word)
{
	memcpy(bytes + offset, &word, sizeof(word));
}

static void put_number(uint8_t *bytes, size_t offset, uint32_t number)
{
	memcpy(bytes + offset, &number, sizeof(number));
}

static uint32_t size_of(uint32_t size_class)
{
	return size_class + 1 == N_CLASSES ? 256 << 10 : size_class * 16;
}

static void put_span(struct image *image, uint64_t page, uint64_t n_pages, uint64_t refs,
		     uint64_t size_class, uint64_t where)
{
	const size_t span = SPANS + 48 * image->n_spans++;
	const uint64_t first = (at / PAGE) % (1 << 18) + page;

	put(image->heap, span, at / PAGE + page);
	put(image->heap, span + 8, n_pages);
	put(image->heap, span + 40, refs | size_class << 16 | where << 24);
	put(image->heap, first * 8, heap_at + span);
	put(image->heap, (first + n_pages - 1) * 8, heap_at + span);
}

static void put_cache(struct image *image, size_t cache, uint32_t length, uint64_t next,
		      uint64_t previous)
{
	for (uint32_t i = 1; i < N_CLASSES; i++)
		put_number(image->heap, cache + (size_t)32 * i + 24, size_of(i));
	put_number(image->heap, cache + (size_t)32 * 4 + 8, length);
	put_number(image->heap, cache + 4096, length * size_of(4));
	put(image->heap, cache + 4096 + 0x30, next);
	put(image->heap, cache + 4096 + 0x38, previous);
}

static void put_classes(struct image *image)
{
	for (uint32_t i = 0; i < N_CLASSES; i++) {
		put_number(image->data, SIZES + (size_t)4 * i, size_of(i));
		put_number(image->data, MOVED + (size_t)4 * i, 32);
	}
	for (uint64_t i = 1; i < N_CLASSES; i++) {
		const size_t central = CENTRAL + 1216 * (i - 1);

		put(image->data, central, i);
		put(image->data, central + 24, data_at + central + 8);
		put(image->data, central + 32, data_at + central + 8);
	}
	put_number(image->data, CENTRAL + 1216 * 2 + 1144, 3); /* 3 slots of the third class */
}

static void begin(struct image *image)
{
	char text[400];
	int n = snprintf(text, sizeof(text),
			 "%lx-%lx rw-p 00000000 00:00 0 [heap]\n"
			 "%lx-%lx rw-p 00000000 08:01 7 /usr/lib/libtcmalloc_minimal.so.4\n"
			 "%lx-%lx rw-p 00000000 00:00 0 \n",
			 heap_at, heap_at + HEAP_SIZE, data_at, data_at + 4096, data_at + 4096,
			 data_at + DATA_SIZE);

	*image = (struct image){.data = calloc(1, DATA_SIZE), .heap = calloc(1, HEAP_SIZE)};
	assert_int_equal(maps_parse(text, (size_t)n, &image->maps), 0);
	put(image->data, METADATA, 0x10000 - LEFT % 0x10000);
	put(image->data, METADATA + 8, heap_at + LEFT);
	put(image->data, METADATA + 16, LEAF_SIZE + 5000);
	put(image->data, ROOT + (at / PAGE >> 18) * 8, heap_at);
	put(image->data, CACHES, heap_at + SECOND);
	put_classes(image);
	put_span(image, 0, 2, 300, 2, 0); /* 32 bytes: 300 of 512 out */
	put_span(image, 2, 7, 0, 0, 0);   /* large */
	put_span(image, 9, 40, 0, 0, 1);  /* free */
	put_span(image, 49, 50, 0, 0, 2); /* returned */
	put(image->data, STATS, 99 * PAGE);
	put(image->data, STATS + 8, 40 * PAGE);
	put(image->data, STATS + 16, 50 * PAGE);
	put_cache(image, FIRST, 5, heap_at + SECOND, 0);
	put_cache(image, SECOND, 2, 0, heap_at + FIRST);
	/* left over within a span */
	put(image->heap, ((at / PAGE) % (1 << 18) + 30) * 8, heap_at + SPANS);
}

static void finish(struct image *image)
{
	memory_free(image->memory);
	maps_deinit(&image->maps);
	free(image->data);
	free(image->heap);
}

static int read_image(struct image *image, struct arenas *ret)
{
	static const uint8_t blocks[N_RESIDENT * PAGE];
	const struct memory_piece pieces[] = {{heap_at, HEAP_SIZE, image->heap},
					      {at, sizeof(blocks), blocks},
					      {data_at, DATA_SIZE, image->data}};

	memory_free(image->memory);
	image->memory = memory_new_pieces(pieces, ARRAY_SIZE(pieces));
	image->space = (struct space){.memory = image->memory, .maps = &image->maps};
	return tcmalloc_read(&image->space, ret);
}

static void tcmalloc_is_read_by_its_tree(void **state)
{
	const uint64_t central = 2 * PAGE - 300 * 32, cached = 3 * 32 * 48 + 7 * 64;
	struct arenas arenas = {};
	struct image image;
	const struct arena *arena;

	(void)state;
	begin(&image);
	assert_int_equal(read_image(&image, &arenas), 0);
	assert_int_equal(arenas.n_arenas, 1);
	arena = &arenas.arenas[0];
	assert_int_equal(arena->cached, cached);
	assert_int_equal(arena->free, 90 * PAGE + central + cached);
	assert_int_equal(arena->trimmable, 20 * PAGE);
	assert_int_equal(arena->free_resident, 20 * PAGE + central + cached);
	assert_int_equal(arena->in_use_resident, arena->in_use);
	assert_int_equal(arenas.n_ranges, 1);
	assert_int_equal(arenas.ranges[0].end - arenas.ranges[0].start, 99 * PAGE);
	assert_int_equal(arena->in_use, 99 * PAGE - arena->free);
	assert_int_equal(arena->metadata, LEAF_SIZE + 5000);
	arenas_deinit(&arenas);
	finish(&image);
}

/* Breaks one thing in the data or in the heap; returns what reading it gives. */
static int read_with(bool in_data, size_t offset, uint64_t word)
{
	struct arenas arenas = {};
	struct image image;
	int r;

	begin(&image);
	put(in_data ? image.data : image.heap, offset, word);
	r = read_image(&image, &arenas);
	assert_int_equal(arenas.n_arenas, 0);
	arenas_deinit(&arenas);
	finish(&image);
	return r;
}

static void what_does_not_hold_together_is_refused(void **state)
{
	(void)state;
	/* other sums than its spans have, a list that does not have what the cache says: it is at work */
	assert_int_equal(read_with(true, STATS, 5000ull * PAGE), -EAGAIN);
	assert_int_equal(read_with(false, FIRST + 4096, 1 << 20), -EAGAIN);
	/* no sizes, a gap among the classes, more slots than there are, nothing that is cut into metadata */
	assert_int_equal(read_with(true, SIZES + 4, 0), -EBADMSG);
	assert_int_equal(read_with(true, CENTRAL + 1216 * 7, 3), -EBADMSG);
	assert_int_equal(read_with(true, CENTRAL + 1144, 65), -EBADMSG);
	assert_int_equal(read_with(true, METADATA + 16, 100), -EBADMSG);
	/* threads' caches in a ring without a beginning */
	assert_int_equal(read_with(false, FIRST + 4096 + 0x38, heap_at + SECOND), -EBADMSG);
	/* no tree */
	assert_int_equal(read_with(true, ROOT + (at / PAGE >> 18) * 8, heap_at + LEFT), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcmalloc_is_read_by_its_tree),
		cmocka_unit_test(what_does_not_hold_together_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
