/* SPDX-License-Identifier: MIT */
#include "process/glibc-arenas.h"

#include <string.h>

#include "base/macro.h"
#include "tests/support/glibc-image.h"
#include "tests/unit/test.h"

static struct glibc_image image;

static void read_image(struct arenas *arenas)
{
	*arenas = (struct arenas){};
	assert_int_equal(glibc_arenas_read(&image.target, arenas), 0);
}

/* In each arena: used 256, free 8192, used 4096, and what is left is top. */
static void make_arenas(const struct glibc_version *version)
{
	glibc_image_init(&image, version);
	for (int in_heap = 0; in_heap < 2; in_heap++) {
		glibc_image_add(&image, in_heap, 256, true);
		glibc_image_add(&image, in_heap, 8192, false);
		glibc_image_add(&image, in_heap, 4096, true);
	}
	glibc_image_finish(&image);
}

static void every_version_is_read(void **state)
{
	for (size_t i = 0; i < glibc_n_versions; i++) {
		struct arenas arenas;

		make_arenas(&glibc_versions[i]);
		read_image(&arenas);
		assert_null(arenas.refused);
		assert_int_equal(arenas.n_arenas, 2);
		assert_int_equal(arenas.mmap_threshold, 2 << 20);
		assert_int_equal(arenas.trim_threshold, 4 << 20);
		for (size_t j = 0; j < 2; j++) {
			const struct arena *arena = &arenas.arenas[j];

			assert_int_equal(arena->kind, j ? ARENA_THREAD : ARENA_MAIN);
			assert_int_equal(arena->system, GLIBC_IMAGE_HEAP);
			assert_int_equal(arena->in_use, 256 + 4096);
			assert_int_equal(arena->in_use_blocks, 2);
			assert_int_equal(arena->free - arena->top, 8192);
			assert_int_equal(arena->largest_free, 8192);
			assert_int_equal(arena->unread, 0);
			assert_int_equal(arena->in_use + arena->free + arena->metadata,
					 arena->system);
			assert_int_equal(arena->resident, arena->system);
		}
		assert_int_equal(arenas.n_ranges, 2);
		arenas_deinit(&arenas);
		glibc_image_deinit(&image);
	}
	(void)state;
}

/* As after blocks of all sizes were freed: no bin is empty, in no arena. */
static void arenas_with_chunks_in_every_bin_are_read(void **state)
{
	struct arenas arenas;

	glibc_image_init(&image, &glibc_versions[7]);
	for (int in_heap = 0; in_heap < 2; in_heap++)
		for (unsigned nth = 0; nth < 127; nth++) {
			glibc_image_add(&image, in_heap, 48, true);
			glibc_image_add_to_bin(&image, in_heap, 256, nth);
		}
	glibc_image_finish(&image);
	read_image(&arenas);
	assert_null(arenas.refused);
	assert_int_equal(arenas.n_arenas, 2);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(arenas.arenas[i].free - arenas.arenas[i].top, 127 * 256);
	arenas_deinit(&arenas);
	glibc_image_deinit(&image);
	(void)state;
}

/* What was the top before the break was continued elsewhere is free, and the fence behind it says so. */
static void a_fence_behind_a_freed_top_is_one(void **state)
{
	struct arenas arenas;

	glibc_image_init(&image, &glibc_versions[7]);
	glibc_image_add(&image, false, 64, true);
	glibc_image_add(&image, false, 8192, false);
	glibc_image_add(&image, false, 16, true);
	glibc_image_add(&image, false, 16, true);
	glibc_image_add(&image, false, 64, true);
	glibc_image_finish(&image);
	read_image(&arenas);
	assert_int_equal(arenas.arenas[0].in_use, 2 * 64);
	assert_int_equal(arenas.arenas[0].free - arenas.arenas[0].top, 8192);
	assert_int_equal(arenas.arenas[0].metadata, 2 * 16);
	assert_int_equal(arenas.arenas[0].unread, 0);
	arenas_deinit(&arenas);
	glibc_image_deinit(&image);
	(void)state;
}

/* As in a core file of a process whose heap has huge pages: the break has no name and is two mappings. */
static void a_break_without_a_name_may_be_several_mappings(void **state)
{
	struct arenas arenas;
	struct mapping mappings[4];

	make_arenas(&glibc_versions[7]);
	memcpy(mappings + 1, image.mappings, sizeof(image.mappings));
	mappings[1].path[0] = 0;
	mappings[0] = mappings[1];
	mappings[0].end = mappings[1].start = GLIBC_IMAGE_BREAK_START + 0x1000;
	image.maps = (struct maps){mappings, 4};
	read_image(&arenas);
	assert_int_equal(arenas.n_arenas, 2);
	assert_int_equal(arenas.mmap_threshold, 2 << 20);
	assert_int_equal(arenas.arenas[0].in_use, 256 + 4096);
	assert_int_equal(arenas.arenas[0].unread, 0);
	arenas_deinit(&arenas);
	glibc_image_deinit(&image);
	(void)state;
}

static void chunks_in_fast_bins_and_caches_are_free(void **state)
{
	for (size_t i = 0; i < glibc_n_versions; i++) {
		const struct glibc_version *version = &glibc_versions[i];
		struct arenas arenas;
		uint64_t chunks[4], free = 0;

		glibc_image_init(&image, version);
		for (size_t j = 0; j < 4; j++)
			chunks[j] = glibc_image_add(&image, true, 48, true);
		glibc_image_finish(&image);
		if (version->bins >= 104) {
			glibc_image_add_fast(&image, chunks[0]);
			glibc_image_add_fast(&image, chunks[2]);
			free += 96;
		}
		if (version->table) {
			glibc_image_add_cached(&image, chunks[1]);
			free += 48;
		}
		read_image(&arenas);
		assert_int_equal(arenas.arenas[1].cached, free);
		assert_int_equal(arenas.arenas[1].fast, version->bins >= 104 ? 96 : 0);
		assert_int_equal(arenas.arenas[1].in_use, 4 * 48 - free);
		arenas_deinit(&arenas);
		glibc_image_deinit(&image);
	}
	(void)state;
}

static void whole_pages_in_free_chunks_can_be_trimmed(void **state)
{
	struct arenas arenas;

	make_arenas(&glibc_versions[glibc_n_versions - 2]);
	read_image(&arenas);
	/* 8192 bytes from 256 on: one whole page. 12544 bytes are below the top. */
	assert_int_equal(arenas.arenas[0].trimmable,
			 4096 + (GLIBC_IMAGE_HEAP - 12544 - 33) / 4096 * 4096);
	/* the top of a thread's arena stays */
	assert_int_equal(arenas.arenas[1].trimmable, 4096);
	arenas_deinit(&arenas);
	glibc_image_deinit(&image);
	(void)state;
}

static void fast_chunks_join_free_neighbours_when_trimmed(void **state)
{
	struct arenas arenas;
	uint64_t chunk;

	glibc_image_init(&image, &glibc_versions[7]);
	glibc_image_add(&image, false, 4096 - 32 - 64, true);
	chunk = glibc_image_add(&image, false, 64, true);
	glibc_image_add(&image, false, 4096 + 32, false);
	glibc_image_add(&image, false, 32, true);
	glibc_image_finish(&image);
	read_image(&arenas);
	uint64_t before = arenas.arenas[0].trimmable;
	arenas_deinit(&arenas);
	glibc_image_add_fast(&image, chunk);
	read_image(&arenas);
	assert_int_equal(arenas.arenas[0].trimmable, before + 4096);
	arenas_deinit(&arenas);
	glibc_image_deinit(&image);
	(void)state;
}

static void a_block_above_free_memory_is_a_pin(void **state)
{
	struct arenas arenas;
	uint64_t pin;

	glibc_image_init(&image, &glibc_versions[7]);
	glibc_image_add(&image, false, 1024, true);
	glibc_image_add(&image, false, 0x20000 + 512, false);
	pin = glibc_image_add(&image, false, 48, true);
	glibc_image_finish(&image);
	read_image(&arenas);
	assert_int_equal(arenas.arenas[0].n_pins, 1);
	assert_int_equal(arenas.arenas[0].pins[0].address, pin + 16);
	assert_int_equal(arenas.arenas[0].pins[0].size, 40);
	assert_int_equal(arenas.arenas[0].pins[0].n_blocks, 1);
	assert_int_equal(arenas.arenas[0].pins[0].holds, 0x20000 + 512);
	arenas_deinit(&arenas);
	glibc_image_deinit(&image);
	(void)state;
}

/* 201 chunks of 64 bytes, the size of whose middle one is no size. */
static void read_with_bad_size(bool in_thread_heap, uint64_t word, struct arenas *arenas)
{
	uint64_t bad;

	glibc_image_init(&image, &glibc_versions[7]);
	for (int i = 0; i < 100; i++)
		glibc_image_add(&image, in_thread_heap, 64, true);
	bad = glibc_image_add(&image, in_thread_heap, 64, true);
	for (int i = 0; i < 100; i++)
		glibc_image_add(&image, in_thread_heap, 64, true);
	glibc_image_finish(&image);
	glibc_image_set(&image, bad + 8, word);
	read_image(arenas);
}

static void assert_stepped_over(const struct arena *arena)
{
	assert_int_equal(arena->in_use_blocks, 200);
	assert_int_equal(arena->unread, 64);
	assert_int_equal(arena->in_use, 201 * 64);
}

static void a_damaged_chunk_is_stepped_over(void **state)
{
	struct arenas arenas;

	read_with_bad_size(false, 0x4142434445464748, &arenas);
	assert_stepped_over(&arenas.arenas[0]);
	arenas_deinit(&arenas);
	glibc_image_deinit(&image);
	(void)state;
}

/* A size that was torn may look like the fence at a heap's end: 0 or 16, with the flag of the one before. */
static void what_looks_like_a_fence_in_the_midst_is_stepped_over(void **state)
{
	static const uint64_t words[] = {1, 16 | 1};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct arenas arenas;

		read_with_bad_size(true, words[i], &arenas);
		assert_stepped_over(&arenas.arenas[1]);
		arenas_deinit(&arenas);
		glibc_image_deinit(&image);
	}
	(void)state;
}

/* It is read again from the chunk in front of it, which alone is larger than what is read at once. */
static void damage_behind_a_large_chunk_is_stepped_over(void **state)
{
	struct arenas arenas;
	uint64_t damaged;

	glibc_image_init(&image, &glibc_versions[7]);
	glibc_image_add(&image, false, 64, true);
	glibc_image_add(&image, false, (128 << 10) + 512, true);
	damaged = glibc_image_add(&image, false, 64, true);
	for (int i = 0; i < 20; i++)
		glibc_image_add(&image, false, 64, true);
	glibc_image_finish(&image);
	glibc_image_set(&image, damaged + 8, 0x4142434445464748);
	read_image(&arenas);
	assert_int_equal(arenas.arenas[0].in_use_blocks, 22);
	assert_int_equal(arenas.arenas[0].unread, 64);
	arenas_deinit(&arenas);
	glibc_image_deinit(&image);
	(void)state;
}

static void what_has_no_known_form_is_refused(void **state)
{
	struct arenas arenas;

	make_arenas(&glibc_versions[7]);
	/* a ring that leads nowhere */
	glibc_image_set(&image, image.arena + 112 + 127 * 16 + 16, 0x1234560);
	read_image(&arenas);
	assert_int_equal(arenas.n_arenas, 0);
	assert_non_null(arenas.refused);
	arenas_deinit(&arenas);
	/* a heap that belongs to nobody: the arena is left out */
	glibc_image_set(&image, image.arena + 112 + 127 * 16 + 16, GLIBC_IMAGE_MAIN);
	glibc_image_set(&image, GLIBC_IMAGE_HEAP_START, 0);
	read_image(&arenas);
	assert_int_equal(arenas.n_arenas, 1);
	assert_non_null(arenas.refused);
	arenas_deinit(&arenas);
	glibc_image_deinit(&image);
	(void)state;
}

static void an_allocator_that_was_never_used_has_no_arenas(void **state)
{
	struct arenas arenas;

	glibc_image_init(&image, &glibc_versions[7]);
	memset(image.data, 0, sizeof(image.data));
	glibc_image_set(&image, GLIBC_IMAGE_MAIN + 112 + 127 * 16 + 16, GLIBC_IMAGE_MAIN);
	read_image(&arenas);
	assert_int_equal(arenas.n_arenas, 0);
	assert_null(arenas.refused);
	arenas_deinit(&arenas);
	glibc_image_deinit(&image);
	(void)state;
}

struct sums {
	uint64_t n[2], bytes[2], last;
};

static int sum_block(const struct arenas_block *block, void *sums_)
{
	struct sums *sums = sums_;

	sums->n[block->state]++;
	sums->bytes[block->state] += block->size + 8;
	if (block->arena == 0)
		assert_true(block->address > sums->last);
	sums->last = block->address;
	return block->state == ARENAS_FREE && block->size + 8 == 80 ? 7 : 0;
}

static void blocks_are_visited(void **state)
{
	struct sums sums = {};
	struct arenas arenas;

	make_arenas(&glibc_versions[7]);
	read_image(&arenas);
	assert_int_equal(glibc_arenas_visit(&image.target, sum_block, &sums), 0);
	assert_int_equal(sums.n[ARENAS_IN_USE], 4);
	assert_int_equal(sums.bytes[ARENAS_IN_USE],
			 arenas.arenas[0].in_use + arenas.arenas[1].in_use);
	assert_int_equal(sums.bytes[ARENAS_FREE], arenas.arenas[0].free + arenas.arenas[1].free);
	arenas_deinit(&arenas);
	glibc_image_deinit(&image);

	glibc_image_init(&image, &glibc_versions[7]);
	glibc_image_add(&image, false, 80, false);
	glibc_image_add(&image, false, 80, true);
	glibc_image_finish(&image);
	sums = (struct sums){};
	assert_int_equal(glibc_arenas_visit(&image.target, sum_block, &sums), 7);
	glibc_image_deinit(&image);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_version_is_read),
		cmocka_unit_test(arenas_with_chunks_in_every_bin_are_read),
		cmocka_unit_test(a_fence_behind_a_freed_top_is_one),
		cmocka_unit_test(a_break_without_a_name_may_be_several_mappings),
		cmocka_unit_test(chunks_in_fast_bins_and_caches_are_free),
		cmocka_unit_test(whole_pages_in_free_chunks_can_be_trimmed),
		cmocka_unit_test(fast_chunks_join_free_neighbours_when_trimmed),
		cmocka_unit_test(a_block_above_free_memory_is_a_pin),
		cmocka_unit_test(a_damaged_chunk_is_stepped_over),
		cmocka_unit_test(what_looks_like_a_fence_in_the_midst_is_stepped_over),
		cmocka_unit_test(damage_behind_a_large_chunk_is_stepped_over),
		cmocka_unit_test(what_has_no_known_form_is_refused),
		cmocka_unit_test(an_allocator_that_was_never_used_has_no_arenas),
		cmocka_unit_test(blocks_are_visited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
