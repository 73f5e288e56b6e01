/* SPDX-License-Identifier: MIT */
/* The table of arenas: growth, and the order of ranges. */
#include "process/arenas.h"

#include "tests/unit/test.h"

static void add_range(struct arenas *arenas, uint64_t start, uint64_t end, uint32_t arena)
{
	struct arena_range *range = arenas_add_range(arenas);

	assert_non_null(range);
	range->start = start;
	range->end = end;
	range->arena = arena;
}

static void ranges_are_put_in_order_of_address(void **state)
{
	struct arenas arenas = {0};

	for (uint32_t i = 0; i < 5; i++)
		assert_non_null(arenas_add(&arenas));
	for (uint32_t i = 5; i-- > 0;)
		add_range(&arenas, 0x1000 * (2 * i + 1), 0x1000 * (2 * i + 2), i);
	arenas_sort(&arenas);
	assert_int_equal(arenas.n_ranges, 5);
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(arenas.ranges[i].arena, i);
		assert_int_equal(arenas.ranges[i].start, 0x1000 * (2 * i + 1));
	}
	arenas_deinit(&arenas);
	assert_int_equal(arenas.n_ranges, 0);
}

static void new_entries_are_zeroed(void **state)
{
	struct arenas arenas = {0};

	for (uint64_t i = 0; i < 100; i++) {
		struct arena *arena = arenas_add(&arenas);

		assert_non_null(arena);
		assert_int_equal(arena->system, 0);
		arena->system = i + 1;
	}
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(arenas.arenas[i].system, i + 1);
	arenas_deinit(&arenas);
}

static void a_little_that_is_unread_counts_in_small_arenas_only(void **state)
{
	struct arena arena = {.system = 1 << 20};

	assert_true(arena_is_read(&arena));
	arena.unread = 64;
	assert_false(arena_is_read(&arena));
	arena.system = UINT64_C(1) << 30;
	assert_true(arena_is_read(&arena));
	arena.unread = 300 << 10;
	assert_false(arena_is_read(&arena));
	arena.unread = ARENAS_UNKNOWN;
	assert_true(arena_is_read(&arena));
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_put_in_order_of_address),
		cmocka_unit_test(new_entries_are_zeroed),
		cmocka_unit_test(a_little_that_is_unread_counts_in_small_arenas_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
