/* SPDX-License-Identifier: MIT */
#include "profile/estimate.h"

#include <math.h>

#include "test.h"

static void what_was_certain_counts_as_it_is(void **state)
{
	struct estimate sum = {};

	estimate_add(&sum, 100, 0);
	estimate_add(&sum, 0, 0);
	assert_int_equal(estimate_round(sum.bytes), 100);
	assert_int_equal(estimate_round(sum.blocks), 2);
	assert_true(estimate_stderr(&sum) == 0);
	assert_int_equal(sum.n_samples, 2);
}

static void a_small_block_stands_for_one_interval(void **state)
{
	struct estimate sum = {};

	/* for Z much below R, Z/p goes to R + Z/2 and the standard error with it */
	estimate_add(&sum, 16, 1 << 20);
	assert_true(fabs(sum.bytes - ((1 << 20) + 8)) < 1);
	assert_true(fabs(sum.blocks - 65536.5) < 0.1);
	assert_true(fabs(estimate_stderr(&sum) - (1 << 20)) < 16);
}

static void a_block_of_one_interval_follows_the_formula(void **state)
{
	const double p = 1 - exp(-1.0);
	struct estimate sum = {};

	estimate_add(&sum, 4096, 4096);
	assert_true(fabs(sum.bytes - 4096 / p) < 1e-6);
	assert_true(fabs(sum.blocks - 1 / p) < 1e-9);
	assert_true(fabs(sum.variance - 4096.0 * 4096.0 * (1 - p) / (p * p)) < 1e-3);
}

static void a_block_far_above_the_interval_is_nearly_exact(void **state)
{
	struct estimate sum = {};

	estimate_add(&sum, 100 << 20, 512 << 10);
	assert_int_equal(estimate_round(sum.bytes), 100 << 20);
	assert_true(estimate_stderr(&sum) < 1);
}

static void an_empty_block_stands_for_blocks_and_no_bytes(void **state)
{
	struct estimate sum = {};

	estimate_add(&sum, 0, 1000);
	assert_true(sum.bytes == 0);
	assert_true(fabs(sum.blocks - 1000.5) < 0.1);
}

/* Each draw is as a sampler makes it; the mean of many estimates is the truth. */
static void many_estimates_are_unbiased_and_their_errors_right(void **state)
{
	const uint64_t sizes[] = {24, 1000, 70000, 400000};
	const double interval = 65536;
	double sum = 0, squares = 0, claimed = 0, truth = 0;
	uint64_t random = 88172645463325252ull;
	enum { RUNS = 4000 };

	for (int run = 0; run < RUNS; run++) {
		struct estimate estimate = {};

		truth = 0;
		for (unsigned i = 0; i < 400; i++) {
			uint64_t size = sizes[i % 4];

			truth += (double)size;
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			if ((double)(random >> 11) / 9007199254740992.0 <
			    -expm1(-(double)size / interval))
				estimate_add(&estimate, size, (uint64_t)interval);
		}
		sum += estimate.bytes;
		squares += (estimate.bytes - truth) * (estimate.bytes - truth);
		claimed += estimate.variance;
	}
	/* four standard errors of the mean */
	assert_true(fabs(sum / RUNS - truth) < 4 * sqrt(squares / RUNS / RUNS));
	assert_true(fabs(claimed / squares - 1) < 0.1);
}

static void rounding_stays_within_what_fits(void **state)
{
	assert_int_equal(estimate_round(1.5), 2);
	assert_int_equal(estimate_round(-3), 0);
	assert_int_equal(estimate_round(NAN), 0);
	assert_true(estimate_round(INFINITY) == INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_certain_counts_as_it_is),
		cmocka_unit_test(a_small_block_stands_for_one_interval),
		cmocka_unit_test(a_block_of_one_interval_follows_the_formula),
		cmocka_unit_test(a_block_far_above_the_interval_is_nearly_exact),
		cmocka_unit_test(an_empty_block_stands_for_blocks_and_no_bytes),
		cmocka_unit_test(many_estimates_are_unbiased_and_their_errors_right),
		cmocka_unit_test(rounding_stays_within_what_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
