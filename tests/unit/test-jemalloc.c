/* SPDX-License-Identifier: MIT */
/*
 * jemalloc's structures as they lie in memory: a root in the library's data, a leaf, extents, an arena with
 * its base and the cache of a thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "process/jemalloc-extents.h"
#include "process/jemalloc-sums.h"
#include "tests/unit/test.h"

enum {
	PAGE = 4096,
	LEAF_SIZE = 2 << 20,
	/* in the data */
	ROOT = 0x12f8,
	TABLE = ROOT + LEAF_SIZE + 0x40,
	DATA_SIZE = 2 * LEAF_SIZE,
	/* in the heap */
	EXTENTS = LEAF_SIZE,
	ARENA = EXTENTS + PAGE,
	BASE = ARENA + 0x14000,
	CACHE = BASE + 2 * PAGE,
	BINS = CACHE + 64,
	BLOCK = 2 * LEAF_SIZE - PAGE, /* of the base */
	HEAP_SIZE = 2 * LEAF_SIZE,
	N_RESIDENT = 111, /* pages of extents; the rest is absent */
	NUMBER = 5,       /* of the arena */
};

static const uint64_t data_at = 0x7f0000000000, heap_at = 0x7f1000000000, at = 0x7f2040000000;

struct image {
	uint8_t *data, *heap;
	struct memory *memory;
	struct maps maps;
	struct space space;
	size_t n_extents;
};

static void put(uint8_t *bytes, size_t offset, uint64_t word)
{
	memcpy(bytes + offset, &word, sizeof(word));
}

static void put_extent(struct image *image, uint64_t page, uint64_t n_pages,
		       enum jemalloc_state state, uint64_t slab, uint64_t size_class,
		       uint64_t n_free)
{
	const size_t extent = EXTENTS + 128 * image->n_extents++;
	const uint64_t entry = (heap_at + extent) | size_class << 48 | (uint64_t)state << 2 | slab;

	put(image->heap, extent,
	    NUMBER | slab << 12 | (uint64_t)state << 17 | size_class << 20 | n_free << 28);
	put(image->heap, extent + 8, at + page * PAGE + (slab ? 0 : 64));
	put(image->heap, extent + 16, n_pages * PAGE + 3);
	for (uint64_t i = 0; i < n_pages; i++)
		if (slab || i == 0 || i + 1 == n_pages)
			put(image->heap, (page + i) * 8, entry);
}

static void put_arena(struct image *image, uint64_t n_active)
{
	const uint64_t cache = heap_at + CACHE;
	const uint16_t empty = 0x1040;

	put(image->data, TABLE + (size_t)NUMBER * 8, heap_at + ARENA);
	put(image->heap, ARENA + 0x38, 500);
	put(image->heap, ARENA + 0x28a0, cache);
	put(image->heap, ARENA + 0x29a0, n_active);
	put(image->heap, ARENA + 0x13450, NUMBER);
	put(image->heap, ARENA + 0x13458, heap_at + BASE);
	put(image->heap, BASE + 0x10, NUMBER);
	put(image->heap, BASE + 0xa0, heap_at + BLOCK);
	put(image->heap, BLOCK, PAGE);
	put(image->heap, BASE + 0xf28, 7000);
	put(image->heap, BASE + 0xf30, 8192);
	put(image->heap, BASE + 0xf38, LEAF_SIZE);
	put(image->heap, CACHE, cache);
	put(image->heap, CACHE + 8, cache);
	put(image->heap, CACHE + 16, heap_at + BINS);
	/* 3 blocks of the second size class */
	put(image->heap, BINS, 0x7f3300001040);
	memcpy(image->heap + BINS + 20, &empty, sizeof(empty));
	put(image->heap, BINS + 24, 0x7f3300001040 - 24);
	memcpy(image->heap + BINS + 24 + 20, &empty, sizeof(empty));
}

static void begin(struct image *image)
{
	char text[400];
	int n = snprintf(text, sizeof(text),
			 "%lx-%lx rw-p 00000000 08:01 7 /usr/lib/libjemalloc.so.2\n"
			 "%lx-%lx rw-p 00000000 00:00 0 \n%lx-%lx rw-p 00000000 00:00 0 \n",
			 data_at, data_at + PAGE, data_at + PAGE, data_at + DATA_SIZE, heap_at,
			 heap_at + HEAP_SIZE);

	*image = (struct image){.data = calloc(1, DATA_SIZE), .heap = calloc(1, HEAP_SIZE)};
	assert_int_equal(maps_parse(text, (size_t)n, &image->maps), 0);
	/* words that lead elsewhere */
	put(image->data, 8, data_at);
	put(image->data, 0x1100, heap_at + HEAP_SIZE - 64);
	put(image->data, 0x1200, heap_at + EXTENTS);
	put(image->data, ROOT + (at >> 30) * 8, heap_at);
	put_extent(image, 0, 2, JEMALLOC_ACTIVE, 1, 1, 12); /* 512 of 16 bytes, 500 out */
	put_extent(image, 2, 6, JEMALLOC_ACTIVE, 0, 37, 0); /* one of 20 KiB */
	put_extent(image, 8, 100, JEMALLOC_DIRTY, 0, 232, 0);
	put_extent(image, 108, 3, JEMALLOC_MUZZY, 1, 7, 0); /* what it was before stands on */
	put_extent(image, 200, 50, JEMALLOC_RETAINED, 0, 232, 0);
	/* cleared, and left over within an extent */
	put(image->heap, (size_t)199 * 8, 232ull << 48);
	put(image->heap, (size_t)50 * 8, (heap_at + EXTENTS) | 1ull << 48 | 1);
	put_arena(image, 8);
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
	const struct memory_piece pieces[] = {{data_at, DATA_SIZE, image->data},
					      {heap_at, HEAP_SIZE, image->heap},
					      {at, sizeof(blocks), blocks}};

	memory_free(image->memory);
	image->memory = memory_new_pieces(pieces, ARRAY_SIZE(pieces));
	image->space = (struct space){.memory = image->memory, .maps = &image->maps};
	return jemalloc_read(&image->space, ret);
}

static void sizes_are_those_of_its_classes(void **state)
{
	static const struct {
		uint32_t size_class;
		uint64_t size;
	} known[] = {{0, 8},     {1, 16},     {4, 64},     {5, 80},     {8, 128},         {9, 160},
		     {28, 4096}, {35, 14336}, {36, 16384}, {37, 20480}, {231, 7ull << 60}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		assert_int_equal(jemalloc_size(known[i].size_class), known[i].size);
}

static void jemalloc_is_read_by_its_tree(void **state)
{
	struct arenas arenas = {};
	struct image image;
	const struct arena *arena;

	(void)state;
	begin(&image);
	assert_int_equal(read_image(&image, &arenas), 0);
	assert_int_equal(arenas.n_arenas, 1);
	arena = &arenas.arenas[0];
	assert_int_equal(arena->id, NUMBER);
	assert_int_equal(arena->cached, 3 * 16);
	assert_int_equal(arena->in_use, 500 * 16 + 20480 - 3 * 16);
	assert_int_equal(arena->trimmable, 103 * PAGE);
	assert_int_equal(arena->metadata, 7500);
	assert_int_equal(arena->free_resident, 8 * PAGE - 500 - arena->in_use + 103 * PAGE);
	assert_int_equal(arena->free, arena->free_resident + 50 * PAGE);
	assert_int_equal(arena->system, 161 * PAGE + 7000);
	assert_int_equal(arena_sizes_total(arenas.sizes.in_use).blocks, 500);
	assert_int_equal(arenas.n_ranges, 3);
	assert_int_equal(arenas.ranges[0].start, heap_at + BLOCK);
	assert_int_equal(arenas.ranges[0].metadata_resident, PAGE);
	assert_int_equal(arenas.ranges[1].end, at + N_RESIDENT * PAGE);
	assert_int_equal(arena->in_use_resident, arena->in_use);
	assert_int_equal(arena->metadata_resident, PAGE + 500);
	assert_int_equal(arena->resident, (N_RESIDENT + 1) * PAGE);
	arenas_deinit(&arenas);
	finish(&image);
}

/* Breaks one thing; returns what reading it gives. */
static int read_with(size_t offset, uint64_t word)
{
	struct arenas arenas = {};
	struct image image;
	int r;

	begin(&image);
	put(image.heap, offset, word);
	r = read_image(&image, &arenas);
	assert_int_equal(arenas.n_arenas, 0);
	arenas_deinit(&arenas);
	finish(&image);
	return r;
}

static void what_does_not_hold_together_is_refused(void **state)
{
	(void)state;
	/* another number of active pages than its extents have: it is at work */
	assert_int_equal(read_with(ARENA + 0x29a0, 1000), -EAGAIN);
	/* a base of another arena, one with more allocated than mapped, a ring that does not come back */
	assert_int_equal(read_with(BASE + 0x10, NUMBER + 1), -EBADMSG);
	assert_int_equal(read_with(BASE + 0xf28, 3ull * LEAF_SIZE), -EBADMSG);
	assert_int_equal(read_with(CACHE, heap_at + BINS + 24), -EBADMSG);
	/* the allocator of huge pages */
	assert_int_equal(read_with(EXTENTS, NUMBER | 1 << 12 | 1 << 14 | 1 << 20 | 12ull << 28),
			 -EBADMSG);
}

static void without_a_tree_nothing_is_told(void **state)
{
	struct arenas arenas = {};
	struct image image;

	(void)state;
	begin(&image);
	/* the entries have no state, as in 5.2 */
	for (size_t i = 0; i < 256; i++) {
		uint64_t entry;

		memcpy(&entry, image.heap + i * 8, sizeof(entry));
		put(image.heap, i * 8, entry ^ 4);
	}
	assert_int_equal(read_image(&image, &arenas), -EBADMSG);
	memset(image.data, 0, DATA_SIZE);
	assert_int_equal(read_image(&image, &arenas), -EBADMSG);
	finish(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_those_of_its_classes),
		cmocka_unit_test(jemalloc_is_read_by_its_tree),
		cmocka_unit_test(what_does_not_hold_together_is_refused),
		cmocka_unit_test(without_a_tree_nothing_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
