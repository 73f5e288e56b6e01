/* SPDX-License-Identifier: MIT */
#include "process/arena-sizes.h"

#include "test.h"

static void classes_follow_one_another(void **state)
{
	for (size_t i = 1; i < ARENA_SIZES_CLASSES; i++) {
		uint64_t low = arena_sizes_low(i);

		assert_int_equal(arena_sizes_class(low), i);
		assert_int_equal(arena_sizes_class(low - 1), i - 1);
	}
	assert_int_equal(arena_sizes_class(0), 0);
	assert_int_equal(arena_sizes_class(UINT64_MAX), ARENA_SIZES_CLASSES - 1);
}

static void powers_of_two_begin_a_class(void **state)
{
	for (uint64_t size = 16; size < 1ull << 40; size *= 2)
		assert_int_equal(arena_sizes_low(arena_sizes_class(size)), size);
}

static void blocks_are_counted_apart_from_holes(void **state)
{
	struct arena_sizes sizes = {};

	for (int i = 0; i < 10; i++) {
		arena_sizes_add(&sizes, true, 100 << 10);
		arena_sizes_add(&sizes, false, 64 << 10);
	}
	assert_int_equal(arena_sizes_total(sizes.in_use).bytes, 10 * (100 << 10));
	assert_int_equal(arena_sizes_total(sizes.holes).blocks, 10);
	assert_int_equal(arena_sizes_below(sizes.holes, 96 << 10).blocks, 10);
	assert_int_equal(arena_sizes_from(sizes.holes, 96 << 10).blocks, 0);
	assert_int_equal(arena_sizes_from(sizes.holes, 64 << 10).bytes, 10 * (64 << 10));
}

static void the_median_is_by_bytes(void **state)
{
	struct arena_sizes sizes = {};

	assert_int_equal(arena_sizes_median(sizes.in_use), 0);
	for (int i = 0; i < 1000; i++)
		arena_sizes_add(&sizes, true, 16);
	arena_sizes_add(&sizes, true, 1 << 20);
	assert_int_equal(arena_sizes_median(sizes.in_use), 1 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classes_follow_one_another),
		cmocka_unit_test(powers_of_two_begin_a_class),
		cmocka_unit_test(blocks_are_counted_apart_from_holes),
		cmocka_unit_test(the_median_is_by_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
