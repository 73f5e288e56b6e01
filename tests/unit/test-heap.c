/* SPDX-License-Identifier: MIT */
/*
 * test-heap.c: the allocation family of heap.h in one thread: sizes, alignments, a model with random
 * operations, trimming, and figures that add up.
 */
#include "heap/heap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heap-shrinks.h"
#include "test.h"

#define N_SLOTS 4000u
#define N_STEPS 200000u

static uint64_t random_state;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void every_size_is_aligned_and_usable_to_its_end(void **state)
{
	for (size_t size = 0; size < 70000; size += size < 5000 ? 1 : 61) {
		uint8_t *block = heap_alloc(size);
		size_t usable = heap_usable_size(block);

		assert_non_null(block);
		assert_int_equal((uintptr_t)block % 16, 0);
		assert_true(usable >= size);
		assert_true(usable <= size + size / 4 + 4096);
		assert_true(heap_owns(block));
		memset(block, 0xa5, usable);
		heap_free(block);
	}
}

/* More than a list holds, so that most go back to their spans, as runs from anywhere in one to anywhere in the next. */
static void blocks_freed_in_the_order_of_memory_are_free_once(void **state)
{
	enum { N = 20000 };
	static uint64_t *blocks[N];

	for (size_t size = 16; size <= 1024; size += size < 128 ? 16 : 128) {
		for (unsigned round = 0; round < 4; round++) {
			for (unsigned i = 0; i < N; i++) {
				blocks[i] = heap_alloc(size);
				*blocks[i] = i;
			}
			/* one that was handed out twice was written twice */
			for (unsigned i = 0; i < N; i++)
				assert_int_equal(*blocks[i], i);
			for (unsigned i = 0; i < N; i++)
				heap_free(blocks[round % 2 ? N - 1 - i : i]);
		}
	}
}

/* What is at the same place of several of them does not share a set of the processor's cache. */
static void large_blocks_begin_at_different_lines(void **state)
{
	enum { N = 8 };

	for (size_t size = 64ul << 10; size <= 1ul << 20; size *= 2) {
		uint64_t lines = 0;
		void *blocks[N];

		for (unsigned i = 0; i < N; i++) {
			blocks[i] = heap_alloc(size);
			memset(blocks[i], 1, heap_usable_size(blocks[i]));
			lines |= 1ull << ((uintptr_t)blocks[i] / 64 % 64);
		}
		assert_true(__builtin_popcountll(lines) >= N / 2);
		for (unsigned i = 0; i < N; i++)
			heap_free(blocks[i]);
	}
}

static void aligned_blocks_are_aligned(void **state)
{
	for (size_t align = 1; align <= 64ul << 20; align *= 2) {
		for (size_t size = 0; size < 200000; size = size * 3 + 1) {
			void *blocks[3];

			for (unsigned i = 0; i < 3; i++) {
				blocks[i] = heap_alloc_aligned(align, size);
				assert_non_null(blocks[i]);
				assert_int_equal((uintptr_t)blocks[i] & (align - 1), 0);
				memset(blocks[i], 1, size);
				assert_true(heap_usable_size(blocks[i]) >= size);
			}
			for (unsigned i = 0; i < 3; i++)
				heap_free(blocks[i]);
		}
	}
}

static void zeroed_blocks_are_zero(void **state)
{
	for (unsigned round = 0; round < 3; round++) {
		for (size_t size = 1; size < 20ul << 20; size = size * 2 + 3) {
			uint8_t *block = heap_alloc_zeroed(1, size);

			assert_non_null(block);
			for (size_t i = 0; i < size; i++)
				if (block[i])
					fail_msg("byte %zu of %zu is not 0", i, size);
			memset(block, 0xff, heap_usable_size(block));
			heap_free(block);
		}
	}
}

static void check_zeros_after_use(size_t size, unsigned every)
{
	char *block = heap_alloc(size), *again;

	for (size_t i = 0; i < size; i += 4096)
		if (i / 4096 % every == 0)
			memset(block + i, 7, MIN(4096u, size - i));
	block[size - 1] = 7;
	heap_free(block);
	again = heap_alloc_zeroed(1, size);
	assert_non_null(again);
	for (size_t i = 0; i < size; i++)
		if (again[i])
			fail_msg("byte %zu of %zu, every %u", i, size, every);
	heap_free(again);
}

static void used_pages_become_zeros(void **state)
{
	for (size_t size = 200000; size < 20000000; size = size * 3 + 77) {
		check_zeros_after_use(size, 1);
		check_zeros_after_use(size, 2);
		check_zeros_after_use(size, 100);
		check_zeros_after_use(size, 100000);
	}
	heap_set_confined();
	check_zeros_after_use(5000000, 3);
}

static void what_threads_keep_is_not_in_use(void **state)
{
	struct heap_stats before, after;
	void *block;

	heap_free(heap_alloc(100));
	heap_get_stats(&before);
	block = heap_alloc(1 << 20);
	heap_get_stats(&after);
	/* a page more: blocks begin at different places of their first one */
	assert_int_equal(after.in_use_bytes, before.in_use_bytes + (1 << 20) + 4096);
	heap_free(block);
	heap_free(heap_alloc(1 << 20));
	heap_get_stats(&after);
	assert_int_equal(after.in_use_bytes, before.in_use_bytes);
	assert_ptr_equal(heap_alloc(1 << 20), block);
	heap_free(block);
	assert_true(heap_trim(0));
	heap_get_stats(&after);
	assert_int_equal(after.free_bytes, 0);
}

static void what_cannot_be_had_gives_enomem(void **state)
{
	volatile size_t most = SIZE_MAX;

	errno = 0;
	assert_null(heap_alloc(most));
	assert_int_equal(errno, ENOMEM);
	errno = 0;
	assert_null(heap_alloc(most / 2 - 4096));
	assert_int_equal(errno, ENOMEM);
	errno = 0;
	assert_null(heap_alloc_zeroed(most / 2, 3));
	assert_int_equal(errno, ENOMEM);
	errno = 0;
	assert_null(heap_alloc_aligned(1ul << 62, most / 4));
	assert_int_equal(errno, ENOMEM);
	errno = 0;
	assert_null(heap_realloc(NULL, most));
	assert_int_equal(errno, ENOMEM);
}

static void a_failed_realloc_leaves_the_block(void **state)
{
	volatile size_t most = SIZE_MAX / 2;
	char *block = heap_alloc(100);

	strcpy(block, "still here");
	assert_null(heap_realloc(block, most));
	assert_string_equal(block, "still here");
	heap_free(block);
}

static void free_keeps_errno(void **state)
{
	static const size_t sizes[] = {1, 100, 5000, 100000, 3ul << 20, 40ul << 20};

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		void *block = heap_alloc(sizes[i]);

		errno = 4711;
		heap_free(block);
		assert_int_equal(errno, 4711);
	}
	heap_free(NULL);
	assert_int_equal(errno, 4711);
	(void)heap_trim(0);
	assert_int_equal(errno, 4711);
}

static void foreign_pointers_are_told_apart(void **state)
{
	int local = 0;
	static int global;
	void *foreign = malloc(100);

	assert_false(heap_owns(&local));
	assert_false(heap_owns(&global));
	assert_false(heap_owns(foreign));
	assert_false(heap_owns((void *)0x1000));
	assert_false(heap_owns(NULL));
	assert_false(heap_free_owned(foreign));
	assert_false(heap_free_owned(&local));
	free(foreign);
}

struct slot {
	uint8_t *block;
	size_t size;
	uint8_t cookie;
};

static size_t random_size(void)
{
	uint64_t r = random_next();

	switch (r % 32) {
	case 0:
		return (r >> 8) % (300ul << 10);
	case 1:
		return (r >> 8) % 3 ? (r >> 8) % 40000 : (r >> 8) % (20ul << 20);
	case 2 ... 8:
		return (r >> 8) % 5000;
	default:
		return (r >> 8) % 300;
	}
}

/* Only the ends of large blocks are written and looked at, so that the test is quick. */
static void slot_fill(struct slot *slot)
{
	slot->cookie = (uint8_t)random_next();
	memset(slot->block, slot->cookie, MIN(slot->size, 600));
	if (slot->size > 600)
		slot->block[slot->size - 1] = slot->cookie;
}

static void slot_check(const struct slot *slot, size_t size)
{
	for (size_t i = 0; i < MIN(size, 600); i++)
		if (slot->block[i] != slot->cookie)
			fail_msg("byte %zu of %zu was changed", i, slot->size);
	if (slot->size > 600 && size == slot->size)
		assert_int_equal(slot->block[slot->size - 1], slot->cookie);
}

static void step(struct slot *slot)
{
	const uint64_t what = random_next() % 8;
	const size_t size = random_size();

	if (!slot->block) {
		slot->size = size;
		slot->block = what == 0   ? heap_alloc_aligned(16ul << (size % 9), size)
			      : what == 1 ? heap_alloc_zeroed(1, size)
					  : heap_alloc(size);
		assert_non_null(slot->block);
		slot_fill(slot);
		return;
	}
	slot_check(slot, slot->size);
	if (what < 2) {
		slot->block = heap_realloc(slot->block, size);
		assert_non_null(slot->block);
		slot_check(slot, MIN(size, slot->size));
		slot->size = size;
		slot_fill(slot);
		return;
	}
	heap_free(slot->block);
	slot->block = NULL;
}

static void random_operations_agree_with_a_model(void **state)
{
	static struct slot slots[N_SLOTS];

	random_state = 88172645463325252ull;
	for (unsigned i = 0; i < N_STEPS; i++)
		step(&slots[random_next() % N_SLOTS]);
	for (unsigned i = 0; i < N_SLOTS; i++) {
		if (slots[i].block)
			slot_check(&slots[i], slots[i].size);
		heap_free(slots[i].block);
	}
}

static void figures_add_up(void **state)
{
	enum { N = 10000, SIZE = 48 };
	static void *blocks[N];
	struct heap_stats before, during, after;
	void *huge;

	heap_get_stats(&before);
	for (unsigned i = 0; i < N; i++)
		blocks[i] = heap_alloc(SIZE);
	heap_get_stats(&during);
	assert_int_equal(during.in_use_bytes - before.in_use_bytes, N * SIZE);
	huge = heap_alloc(100ul << 20);
	heap_get_stats(&during);
	assert_int_equal(during.n_mmapped, before.n_mmapped + 1);
	assert_int_equal(during.mmapped_bytes - before.mmapped_bytes, 100ul << 20);
	heap_free(huge);
	for (unsigned i = 0; i < N; i++)
		heap_free(blocks[i]);
	heap_get_stats(&after);
	assert_int_equal(after.in_use_bytes, before.in_use_bytes);
	assert_int_equal(after.resident_bytes + after.returned_bytes, after.mapped_bytes);
}

static size_t resident_pages(void)
{
	char line[64] = "";
	FILE *file = fopen("/proc/self/statm", "r");

	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	(void)fclose(file);
	/* the second number of the line */
	return strtoul(strchr(line, ' '), NULL, 10);
}

static void trim_gives_memory_back(void **state)
{
	enum { N = 400000, SIZE = 200 };
	void **blocks = calloc(N, sizeof(*blocks));
	struct heap_stats stats;
	size_t full, trimmed;

	for (unsigned i = 0; i < N; i++) {
		blocks[i] = heap_alloc(SIZE);
		memset(blocks[i], 1, SIZE);
	}
	full = resident_pages();
	for (unsigned i = 0; i < N; i++)
		heap_free(blocks[i]);
	(void)heap_trim(0);
	trimmed = resident_pages();
	assert_true(full - trimmed > (size_t)N * SIZE / 4096 * 95 / 100);
	heap_get_stats(&stats);
	assert_int_equal(stats.free_bytes, 0);
	assert_false(heap_trim(0));
	free(blocks);
}

static void trim_gives_pages_between_blocks_back(void **state)
{
	enum { N = 64000, SIZE = 1000, KEEP = 24 };
	static char *blocks[N];
	size_t full;

	for (unsigned i = 0; i < N; i++) {
		blocks[i] = heap_alloc(SIZE);
		memset(blocks[i], 1, SIZE);
	}
	full = resident_pages();
	/* no span becomes free as a whole */
	for (unsigned i = 0; i < N; i++)
		if (i % KEEP)
			heap_free(blocks[i]);
	assert_true(heap_trim(0));
	assert_true(full - resident_pages() > (size_t)N * SIZE / 4096 * 75 / 100);
	assert_false(heap_trim(0));
	for (unsigned i = 0; i < N; i += KEEP) {
		assert_int_equal(blocks[i][0], 1);
		assert_int_equal(blocks[i][SIZE - 1], 1);
		heap_free(blocks[i]);
	}
}

static void freed_memory_is_given_back_without_asking(void **state)
{
	enum { N = 4000 };
	static void *blocks[N];
	struct heap_stats stats;

	for (unsigned i = 0; i < N; i++)
		blocks[i] = heap_alloc(i % 2 ? 20ul << 10 : 1000);
	for (unsigned i = 0; i < N; i++)
		heap_free(blocks[i]);
	heap_get_stats(&stats);
	/* it may be needed again, and soon */
	assert_true(stats.free_bytes + stats.cached_bytes >= (30ul << 20));
	assert_true(shrinks_to(8ul << 20));
}

static void a_large_block_grows_and_shrinks_where_it_is(void **state)
{
	char *block = heap_alloc(1000000);
	const uintptr_t place = (uintptr_t)block;

	/* what lies behind it is free */
	(void)heap_trim(0);
	block[999999] = 'x';
	block = heap_realloc(block, 1200000);
	assert_int_equal((uintptr_t)block, place);
	assert_int_equal(block[999999], 'x');
	memset(block, 'y', 1200000);
	block = heap_realloc(block, 500000);
	assert_int_equal((uintptr_t)block, place);
	block = heap_realloc(block, 600000);
	assert_int_equal((uintptr_t)block, place);
	assert_int_equal(block[499999], 'y');
	heap_free(block);
}

/* What programs have at the same place of several blocks would meet in a few sets of the caches. */
static void large_blocks_begin_at_different_cache_lines(void **state)
{
	static const size_t sizes[] = {262145, 300000, 1 << 20, (1 << 20) - 64, 5 << 20};

	for (unsigned k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		char *blocks[16];
		uint64_t lines = 0;

		for (unsigned i = 0; i < 16; i++) {
			blocks[i] = heap_alloc(sizes[k]);
			assert_int_equal((uintptr_t)blocks[i] % 64, 0);
			assert_true(heap_usable_size(blocks[i]) >= sizes[k]);
			memset(blocks[i], (int)i, heap_usable_size(blocks[i]));
			lines |= 1ull << ((uintptr_t)blocks[i] / 64 % 64);
		}
		assert_true(__builtin_popcountll(lines) >= 6);
		for (unsigned i = 0; i < 16; i++) {
			const size_t usable = heap_usable_size(blocks[i]);

			for (size_t at = 0; at < usable; at++)
				if (blocks[i][at] != (char)i)
					fail_msg("byte %zu of block %u", at, i);
			heap_free(blocks[i]);
		}
	}
}

/* By pages, by copying, where it is, smaller: from wherever it begins. */
static void large_blocks_keep_their_content_when_resized(void **state)
{
	for (unsigned i = 0; i < 64; i++) {
		const size_t size = 270000 + i * 77777, other = i % 3 ? 3 * size + 5 : size / 2;
		unsigned char *block = heap_alloc(size), *behind = heap_alloc(size);

		for (size_t at = 0; at < size; at++)
			block[at] = (unsigned char)(at % 251);
		block = heap_realloc(block, size + i);
		block = heap_realloc(block, other);
		assert_true(heap_usable_size(block) >= other);
		for (size_t at = 0; at < size && at < other; at++)
			if (block[at] != at % 251)
				fail_msg("byte %zu of %zu", at, size);
		memset(block, 0, heap_usable_size(block));
		if (i % 2)
			heap_free(behind);
		heap_free(block);
	}
}

static void a_large_block_takes_its_pages_along(void **state)
{
	const size_t size = 3 << 20;
	uint64_t *block = heap_alloc(size), *moved, *zeros;
	const uintptr_t place = (uintptr_t)block;
	/* so that it cannot stay */
	void *behind = heap_alloc(size);

	for (size_t i = 0; i < size / 8; i++)
		block[i] = i * 7 + 1;
	/* nothing that is free is resident: a copy would need new pages, and leave the old ones */
	(void)heap_trim(0);
	const size_t before = resident_pages();

	moved = heap_realloc(block, 4 * size);
	assert_non_null(moved);
	assert_int_not_equal((uintptr_t)moved, place);
	assert_true(resident_pages() < before + size / 4096 / 2);
	for (size_t i = 0; i < size / 8; i++)
		if (moved[i] != i * 7 + 1)
			fail_msg("word %zu", i);
	memset(moved, 1, 4 * size);
	zeros = heap_alloc_zeroed(1, size);
	for (size_t i = 0; i < size / 8; i++)
		if (zeros[i])
			fail_msg("word %zu of zeros", i);
	heap_free(zeros);
	heap_free(moved);
	heap_free(behind);
}

static void a_huge_block_keeps_its_content_when_it_grows(void **state)
{
	const size_t size = 32ul << 20;
	char *block = heap_alloc(size);

	block[size - 1] = 'x';
	for (unsigned i = 2; i < 6; i++) {
		block = heap_realloc(block, i * size);
		assert_non_null(block);
		assert_int_equal(block[size - 1], 'x');
	}
	block = heap_realloc(block, size);
	assert_int_equal(block[size - 1], 'x');
	block = heap_realloc(block, 10);
	heap_free(block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_size_is_aligned_and_usable_to_its_end),
		cmocka_unit_test(blocks_freed_in_the_order_of_memory_are_free_once),
		cmocka_unit_test(large_blocks_begin_at_different_lines),
		cmocka_unit_test(aligned_blocks_are_aligned),
		cmocka_unit_test(zeroed_blocks_are_zero),
		cmocka_unit_test(what_threads_keep_is_not_in_use),
		cmocka_unit_test(used_pages_become_zeros),
		cmocka_unit_test(what_cannot_be_had_gives_enomem),
		cmocka_unit_test(a_failed_realloc_leaves_the_block),
		cmocka_unit_test(free_keeps_errno),
		cmocka_unit_test(foreign_pointers_are_told_apart),
		cmocka_unit_test(random_operations_agree_with_a_model),
		cmocka_unit_test(figures_add_up),
		cmocka_unit_test(trim_gives_memory_back),
		cmocka_unit_test(trim_gives_pages_between_blocks_back),
		cmocka_unit_test(freed_memory_is_given_back_without_asking),
		cmocka_unit_test(a_large_block_grows_and_shrinks_where_it_is),
		cmocka_unit_test(large_blocks_begin_at_different_cache_lines),
		cmocka_unit_test(large_blocks_keep_their_content_when_resized),
		cmocka_unit_test(a_large_block_takes_its_pages_along),
		cmocka_unit_test(a_huge_block_keeps_its_content_when_it_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
