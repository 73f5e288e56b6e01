/* SPDX-License-Identifier: MIT */
#include "profile/growth.h"

#include <math.h>
#include <stdint.h>

#include "base/macro.h"
#include "test.h"

enum { N = 200 };

/* Numbers in [-1, 1) that are the same in every run. */
static double noise(void)
{
	static uint64_t state = 42;

	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (double)(int64_t)state / 9223372036854775808.0;
}

struct course {
	double times[N], values[N];
};

static struct course make(double (*value)(double at))
{
	struct course course;

	for (size_t i = 0; i < N; i++) {
		course.times[i] = 1000 + (double)i;
		course.values[i] = value((double)i);
	}
	return course;
}

static double rising(double at)
{
	return 5e6 + 1000 * at;
}

static double noisy(double at)
{
	return 5e6 + 1000 * at + 20000 * noise();
}

static double only_noise(double at)
{
	return 5e6 + 20000 * noise();
}

static double filling(double at)
{
	return at < 110 ? 1e6 * at : 110e6;
}

static double bursting(double at)
{
	return at >= 150 && at < 160 ? 1e9 : 5e6 + 1000 * at;
}

static void a_straight_line_has_its_slope_and_no_doubt(void **state)
{
	struct course course = make(rising);
	struct growth growth = growth_estimate(course.times, course.values, N);

	assert_float_equal((float)growth.per_s, 1000, 0.001);
	assert_float_equal((float)growth.low, 1000, 0.001);
	assert_float_equal((float)growth.high, 1000, 0.001);
	assert_true(growth_is_certain(&growth));
}

static void noise_widens_the_bounds_and_leaves_the_slope(void **state)
{
	struct course course = make(noisy);
	struct growth growth = growth_estimate(course.times, course.values, N);

	assert_true(growth.low < 1000 && growth.high > 1000);
	/* neighbours alone differ by up to 40,000 a second: bounds are not the extremes */
	assert_true(growth.high - growth.low > 10);
	assert_true(growth.low > 500 && growth.high < 1500);
	assert_float_equal((float)growth.per_s, 1000, 150);
	assert_true(growth_is_certain(&growth));
}

static void noise_alone_is_no_growth(void **state)
{
	struct course course = make(only_noise);
	struct growth growth = growth_estimate(course.times, course.values, N);

	assert_true(growth.low < 0 && growth.high > 0);
	assert_false(growth_is_certain(&growth));
}

static void a_plateau_after_a_start_is_no_growth(void **state)
{
	struct course course = make(filling);
	struct growth growth = growth_estimate(course.times, course.values, N);

	assert_float_equal((float)growth.per_s, 0, 0.001);
	assert_false(growth_is_certain(&growth));
}

static void a_burst_does_not_move_the_slope(void **state)
{
	struct course course = make(bursting);
	struct growth growth = growth_estimate(course.times, course.values, N);

	assert_float_equal((float)growth.per_s, 1000, 100);
}

static void few_readings_tell_nothing(void **state)
{
	struct course course = make(rising);
	struct growth growth = growth_estimate(course.times, course.values, GROWTH_MIN - 1);

	assert_true(isnan(growth.per_s) && isnan(growth.low) && isnan(growth.high));
	growth = growth_estimate(course.times, course.values, 0);
	assert_true(isnan(growth.per_s));
}

static void readings_that_are_not_known_are_passed_over(void **state)
{
	struct course course = make(rising);

	for (size_t i = 0; i < N; i += 3)
		course.values[i] = (double)NAN;
	struct growth growth = growth_estimate(course.times, course.values, N);
	assert_float_equal((float)growth.per_s, 1000, 0.001);
	for (size_t i = 0; i < N; i++)
		course.values[i] = (double)NAN;
	growth = growth_estimate(course.times, course.values, N);
	assert_true(isnan(growth.per_s));
}

static void many_readings_at_the_end_do_not_outweigh_the_rest(void **state)
{
	struct course course = {};

	/* twenty in a row, then the rest within a tenth of a second, standing still */
	for (size_t i = 0; i < N; i++) {
		course.times[i] = i < 40 ? (double)i : 40 + (double)i / 2000;
		course.values[i] = 1000 * course.times[MIN(i, (size_t)40)];
	}
	struct growth growth = growth_estimate(course.times, course.values, N);
	assert_float_equal((float)growth.per_s, 1000, 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_straight_line_has_its_slope_and_no_doubt),
		cmocka_unit_test(noise_widens_the_bounds_and_leaves_the_slope),
		cmocka_unit_test(noise_alone_is_no_growth),
		cmocka_unit_test(a_plateau_after_a_start_is_no_growth),
		cmocka_unit_test(a_burst_does_not_move_the_slope),
		cmocka_unit_test(few_readings_tell_nothing),
		cmocka_unit_test(readings_that_are_not_known_are_passed_over),
		cmocka_unit_test(many_readings_at_the_end_do_not_outweigh_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
