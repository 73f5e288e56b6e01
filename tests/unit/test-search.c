/* SPDX-License-Identifier: MIT */
/*
 * test-search.c: the first index that does not meet a condition.
 */
#include "base/search.h"

#include "base/macro.h"
#include "tests/unit/test.h"

static void the_first_that_does_not_meet_it_is_found(void **state)
{
	static const unsigned numbers[] = {2, 3, 3, 5, 9};
	const size_t n = ARRAY_SIZE(numbers);

	assert_int_equal(SEARCH(n, i, numbers[i] < 2), 0);
	assert_int_equal(SEARCH(n, i, numbers[i] < 3), 1);
	assert_int_equal(SEARCH(n, i, numbers[i] <= 3), 3);
	assert_int_equal(SEARCH(n, i, numbers[i] < 4), 3);
	assert_int_equal(SEARCH(n, i, numbers[i] < 9), 4);
	assert_int_equal(SEARCH(n, i, numbers[i] <= 9), n);
}

static void every_place_in_arrays_of_every_length_is_found(void **state)
{
	for (size_t n = 0; n < 40; n++)
		for (size_t first = 0; first <= n; first++)
			assert_int_equal(SEARCH(n, i, i < first), first);
}

static void of_none_it_is_0(void **state)
{
	assert_int_equal(SEARCH(0, i, i + 1 > 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_that_does_not_meet_it_is_found),
		cmocka_unit_test(every_place_in_arrays_of_every_length_is_found),
		cmocka_unit_test(of_none_it_is_0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
