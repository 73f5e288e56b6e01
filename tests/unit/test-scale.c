/* SPDX-License-Identifier: MIT */
/*
 * test-scale.c: shares of bytes.
 */
#include "base/scale.h"

#include "tests/unit/test.h"

static void a_share_is_rounded_down(void **state)
{
	assert_true(scale(0, 1, 3) == 0);
	assert_true(scale(10, 0, 3) == 0);
	assert_true(scale(10, 1, 3) == 3);
	assert_true(scale(10, 2, 3) == 6);
	assert_true(scale(2, 1, 3) == 0);
}

static void a_whole_is_all_of_it(void **state)
{
	assert_true(scale(10, 3, 3) == 10);
	assert_true(scale(10, 4, 3) == 10);
	assert_true(scale(10, 0, 0) == 10);
	assert_true(scale(10, 4, 0) == 10);
}

static void large_figures_do_not_overflow(void **state)
{
	assert_true(scale(UINT64_MAX, UINT64_MAX - 1, UINT64_MAX) == UINT64_MAX - 1);
	assert_true(scale(1ull << 63, 1ull << 62, 1ull << 63) == 1ull << 62);
	assert_true(scale(UINT64_MAX, 1, 2) == UINT64_MAX / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_share_is_rounded_down),
		cmocka_unit_test(a_whole_is_all_of_it),
		cmocka_unit_test(large_figures_do_not_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
