/* SPDX-License-Identifier: MIT */
/*
 * test-top.c: the course of figures, and lists that are in order as far as they are seen.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "cli/top-order.h"
#include "cli/top-series.h"
#include "tests/unit/test.h"

static void steady_growth_is_found_among_steps(void **state)
{
	_cleanup_(top_series_deinit) struct top_series leak = {}, step = {}, still = {};
	struct top_looks looks = {};

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		top_looks_add(&looks, 100 + i);
		top_series_add(&leak, 100 + i, 5000 + 1000 * i);
		top_series_add(&step, 100 + i, i == 6 ? 90000 : 100);
		top_series_add(&still, 100 + i, 42);
	}
	assert_true(fabs(top_series_growth(&leak, &looks, NAN).slope - 1000) < 1);
	assert_true(top_series_growth(&leak, &looks, NAN).sure > 990);
	assert_true(fabs(top_series_drift(&leak, &looks) - 1000) < 1);
	assert_true(top_series_growth(&step, &looks, NAN).slope == 0);
	assert_true(top_series_growth(&still, &looks, NAN).slope == 0);
	assert_null(still.points);
}

static void what_comes_and_goes_grows_by_chance(void **state)
{
	_cleanup_(top_series_deinit) struct top_series churn = {}, leak = {};
	struct top_looks looks = {};
	static const unsigned churned[] = {24, 18, 34, 30, 22, 36, 20, 38, 31, 40};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(churned); i++) {
		top_looks_add(&looks, 100 + i);
		top_series_add(&churn, 100 + i, 1000000ull * churned[i]);
		top_series_add(&leak, 100 + i, 2000000ull * (i / 2));
	}
	assert_true(top_series_growth(&churn, &looks, NAN).slope > 1000000);
	assert_true(top_series_growth(&churn, &looks, NAN).sure < 100000);
	assert_true(top_series_growth(&leak, &looks, NAN).sure > 500000);
}

static void few_samples_of_what_is_kept_are_enough(void **state)
{
	_cleanup_(top_series_deinit) struct top_series series = {};
	struct top_looks looks = {};
	/* a leak of 1 MB a second in samples of 1 MB */
	static const unsigned sampled[] = {0, 3, 3, 4, 4, 4, 5, 8, 8, 8};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(sampled); i++) {
		top_looks_add(&looks, 100 + i);
		top_series_add(&series, 100 + i, 1000000ull * sampled[i]);
	}
	assert_true(top_series_growth(&series, &looks, 900000).sure > 400000);
	assert_true(top_series_growth(&series, &looks, 100000).sure < 200000);
	assert_true(top_series_growth(&series, &looks, 900000).kept > 500000);
	assert_true(top_series_growth(&series, &looks, NAN).kept == 0);
	/* if nothing is kept it has to be beyond doubt */
	assert_true(top_series_growth(&series, &looks, 0).sure < 200000);
}

static void what_was_filled_grows_no_more(void **state)
{
	_cleanup_(top_series_deinit) struct top_series series = {};
	struct top_looks looks = {};

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		top_looks_add(&looks, 100 + i);
		top_series_add(&series, 100 + i, 1000000ull * MIN(i, 7u));
	}
	assert_true(top_series_growth(&series, &looks, NAN).slope > 100000);
	assert_true(top_series_growth(&series, &looks, NAN).sure == 0);
}

static void one_look_tells_no_growth(void **state)
{
	_cleanup_(top_series_deinit) struct top_series series = {};
	struct top_looks looks = {};

	(void)state;
	assert_true(isnan(top_series_growth(&series, &looks, NAN).slope));
	top_looks_add(&looks, 1);
	top_series_add(&series, 1, 7);
	assert_true(isnan(top_series_growth(&series, &looks, NAN).slope));
	assert_true(isnan(top_series_drift(&series, &looks)));
}

static void only_the_last_minute_counts(void **state)
{
	_cleanup_(top_series_deinit) struct top_series series = {};
	struct top_looks looks = {};

	(void)state;
	/* it grew for three minutes, and stood still in the last */
	for (unsigned i = 0; i < 240; i++) {
		top_looks_add(&looks, 100 + i);
		top_series_add(&series, 100 + i, 1000 * MIN(i, 170u));
	}
	assert_true(top_series_growth(&series, &looks, NAN).slope == 0);
	assert_true(top_series_at(&series, 100 + 170) == 170000);
	assert_true(top_series_at(&series, 100 + 169) == 169000);
	assert_true(top_looks_count(&looks, 0) == 61);
	assert_true(top_looks_count(&looks, 100 + 235) == 5);
}

static int compare(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? 1 : -1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static void the_first_rows_are_in_order(void **state)
{
	enum { N = 1000 };
	static struct top_row rows[N], sorted[N];
	static const size_t wanted[] = {0, 1, 15, 16, 17, 50, 500, 999, 1000, 5000};
	static const unsigned spreads[] = {1, 3, 1000000};

	(void)state;
	srandom(7);
	for (size_t s = 0; s < ARRAY_SIZE(spreads); s++)
		for (size_t w = 0; w < ARRAY_SIZE(wanted); w++) {
			for (size_t i = 0; i < N; i++)
				rows[i] = (struct top_row){(double)(random() % spreads[s]),
							   (uint64_t)random(), (uint32_t)i};
			memcpy(sorted, rows, sizeof(rows));
			qsort(sorted, N, sizeof(*sorted), compare);
			top_order(rows, N, wanted[w]);
			for (size_t i = 0; i < MIN(wanted[w], (size_t)N); i++)
				assert_int_equal(rows[i].site, sorted[i].site);
			/* and nobody was lost */
			qsort(rows, N, sizeof(*rows), compare);
			assert_memory_equal(rows, sorted, sizeof(rows));
		}
}

static void rows_are_picked_and_stay(void **state)
{
	enum { N = 1000 };
	static struct top_row rows[N], kept[N], sorted[N];
	static const size_t wanted[] = {0, 1, 3, 50, 499, 500, 501, 999, 1000, SIZE_MAX};

	(void)state;
	srandom(11);
	for (size_t w = 0; w < ARRAY_SIZE(wanted); w++) {
		_cleanup_free_ struct top_row *picked = NULL;
		size_t n_shown = 0, n_picked;

		for (size_t i = 0; i < N; i++) {
			const bool shown = random() % 4 != 0;

			rows[i] = (struct top_row){shown ? (double)(random() % 90) : NAN,
						   (uint64_t)random(), (uint32_t)i};
			if (shown)
				sorted[n_shown++] = rows[i];
		}
		memcpy(kept, rows, sizeof(rows));
		qsort(sorted, n_shown, sizeof(*sorted), compare);
		assert_int_equal(top_order_pick(rows, N, wanted[w], &picked, &n_picked), 0);
		assert_int_equal(n_picked, MIN(MAX(wanted[w], (size_t)1), n_shown));
		for (size_t i = 0; i < n_picked; i++)
			assert_int_equal(picked[i].site, sorted[i].site);
		assert_memory_equal(rows, kept, sizeof(rows));
	}
}

static void nothing_can_be_picked_from_nothing(void **state)
{
	_cleanup_free_ struct top_row *picked = NULL;
	size_t n_picked = 1;

	(void)state;
	assert_int_equal(top_order_pick(NULL, 0, 10, &picked, &n_picked), 0);
	assert_int_equal(n_picked, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steady_growth_is_found_among_steps),
		cmocka_unit_test(what_comes_and_goes_grows_by_chance),
		cmocka_unit_test(few_samples_of_what_is_kept_are_enough),
		cmocka_unit_test(what_was_filled_grows_no_more),
		cmocka_unit_test(one_look_tells_no_growth),
		cmocka_unit_test(only_the_last_minute_counts),
		cmocka_unit_test(the_first_rows_are_in_order),
		cmocka_unit_test(rows_are_picked_and_stay),
		cmocka_unit_test(nothing_can_be_picked_from_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
