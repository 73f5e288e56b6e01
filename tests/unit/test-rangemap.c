/* SPDX-License-Identifier: MIT */
/* Overlapping ranges, by the rule and against the rule done the slow way. */
#include "symbolize/rangemap.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "test.h"

static void an_empty_map_has_nothing(void **state)
{
	_cleanup_(rangemap_builder_deinit) struct rangemap_builder builder = {};
	_cleanup_(rangemap_deinit) struct rangemap map = {};

	assert_int_equal(rangemap_build(&builder, &map), 0);
	assert_int_equal(rangemap_find(&map, 0), RANGE_NONE);
	assert_int_equal(rangemap_find(&map, UINT64_MAX), RANGE_NONE);
}

static void the_end_is_outside(void **state)
{
	_cleanup_(rangemap_builder_deinit) struct rangemap_builder builder = {};
	_cleanup_(rangemap_deinit) struct rangemap map = {};

	assert_int_equal(rangemap_add(&builder, 10, 20, 0, 7), 0);
	assert_int_equal(rangemap_add(&builder, 20, 30, 0, 8), 0);
	assert_int_equal(rangemap_add(&builder, 40, 40, 0, 9), 0);
	assert_int_equal(rangemap_add(&builder, 60, 50, 0, 9), 0);
	assert_int_equal(rangemap_build(&builder, &map), 0);
	assert_int_equal(rangemap_find(&map, 9), RANGE_NONE);
	assert_int_equal(rangemap_find(&map, 10), 7);
	assert_int_equal(rangemap_find(&map, 19), 7);
	assert_int_equal(rangemap_find(&map, 20), 8);
	assert_int_equal(rangemap_find(&map, 30), RANGE_NONE);
	assert_int_equal(rangemap_find(&map, 40), RANGE_NONE);
	assert_int_equal(rangemap_find(&map, 55), RANGE_NONE);
}

static void the_narrowest_wins_and_the_outer_goes_on_behind_it(void **state)
{
	_cleanup_(rangemap_builder_deinit) struct rangemap_builder builder = {};
	_cleanup_(rangemap_deinit) struct rangemap map = {};
	static const struct {
		uint64_t start, end;
	} ranges[] = {{100, 200}, {110, 120}, {112, 114}, {190, 230}, {0, 1000}};

	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(rangemap_add(&builder, ranges[i].start, ranges[i].end,
					      rangemap_rank_narrow(ranges[i].start, ranges[i].end),
					      i),
				 0);
	assert_int_equal(rangemap_build(&builder, &map), 0);
	assert_int_equal(rangemap_find(&map, 99), 4);
	assert_int_equal(rangemap_find(&map, 100), 0);
	assert_int_equal(rangemap_find(&map, 111), 1);
	assert_int_equal(rangemap_find(&map, 113), 2);
	assert_int_equal(rangemap_find(&map, 114), 1);
	assert_int_equal(rangemap_find(&map, 120), 0);
	assert_int_equal(rangemap_find(&map, 195), 3);
	assert_int_equal(rangemap_find(&map, 229), 3);
	assert_int_equal(rangemap_find(&map, 230), 4);
}

static void addresses_up_to_the_last_one_are_found(void **state)
{
	_cleanup_(rangemap_builder_deinit) struct rangemap_builder builder = {};
	_cleanup_(rangemap_deinit) struct rangemap map = {};

	assert_int_equal(rangemap_add(&builder, 0, UINT64_MAX, 1, 1), 0);
	assert_int_equal(rangemap_add(&builder, UINT64_MAX - 1, UINT64_MAX, 2, 2), 0);
	assert_int_equal(rangemap_build(&builder, &map), 0);
	assert_int_equal(rangemap_find(&map, 0), 1);
	assert_int_equal(rangemap_find(&map, UINT64_MAX - 1), 2);
	assert_int_equal(rangemap_find(&map, UINT64_MAX), RANGE_NONE);
}

/* A rank for each of the first sixty, in no order. */
static uint64_t scattered(uint64_t i)
{
	return i * 37 % 61;
}

static void random_ranges_give_what_looking_at_each_gives(void **state)
{
	enum { N = 60, SPACE = 300, ROUNDS = 200 };
	unsigned int seed = 4711;

	for (int round = 0; round < ROUNDS; round++) {
		_cleanup_(rangemap_builder_deinit) struct rangemap_builder builder = {};
		_cleanup_(rangemap_deinit) struct rangemap map = {};
		uint64_t starts[N], ends[N], longest = round % 2 ? 20 : 200;
		/* half of them far away, so that one guess where an address is would be a bad one */
		const uint64_t far = round % 4 < 2 ? 0 : UINT64_C(1) << 40;

		for (uint32_t i = 0; i < N; i++) {
			starts[i] = (uint64_t)rand_r(&seed) % SPACE + (i % 2) * far;
			ends[i] = starts[i] + (uint64_t)rand_r(&seed) % longest;
			assert_int_equal(
				rangemap_add(&builder, starts[i], ends[i], scattered(i), i), 0);
		}
		assert_int_equal(rangemap_build(&builder, &map), 0);
		for (uint64_t at = 0; at < UINT64_C(4) * SPACE; at++) {
			const uint64_t address = at / 2 + (at % 2) * far;
			uint32_t best = RANGE_NONE;

			for (uint32_t i = 0; i < N; i++)
				if (address >= starts[i] && address < ends[i] &&
				    (best == RANGE_NONE || scattered(i) > scattered(best)))
					best = i;
			assert_int_equal(rangemap_find(&map, address), best);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_map_has_nothing),
		cmocka_unit_test(the_end_is_outside),
		cmocka_unit_test(the_narrowest_wins_and_the_outer_goes_on_behind_it),
		cmocka_unit_test(addresses_up_to_the_last_one_are_found),
		cmocka_unit_test(random_ranges_give_what_looking_at_each_gives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
