/* SPDX-License-Identifier: MIT */
/* Site 0 of the sample profile, watched for 20 s with a course that each test gives it. */
#include "profile/levelling.h"

#include <math.h>
#include <stdlib.h>

#include "sample-profile.h"
#include "test.h"

enum { N_MOMENTS = 41 };

/* Bytes at a moment, 0 to 40. */
typedef double held_fn(unsigned moment);

static double goes_on(unsigned moment)
{
	return 1e5 * moment;
}

static double fills_up(unsigned moment)
{
	return 4e6 * (1 - exp(-(double)moment / 8));
}

static double begins_high_and_goes_on(unsigned moment)
{
	return (moment > 0 ? 3e7 : 0) + 5e4 * moment;
}

static struct levelling find(held_fn *held, double live_stderr)
{
	struct profile *profile = sample_profile();
	struct levelling levelling;

	profile->moments = calloc(N_MOMENTS, sizeof(*profile->moments));
	profile->points = calloc(N_MOMENTS, sizeof(*profile->points));
	assert_true(profile->moments && profile->points);
	profile->n_moments = profile->n_points = N_MOMENTS;
	for (unsigned i = 0; i < N_MOMENTS; i++) {
		profile->moments[i].at = profile->process.started_at + i / 2.0;
		profile->points[i] = (struct profile_point){
			.moment = i,
			.live_bytes = (uint64_t)held(i),
		};
	}
	profile->sites[0].live_bytes = (uint64_t)held(N_MOMENTS - 1);
	profile->sites[0].live_stderr = live_stderr;
	assert_int_equal(levelling_find(profile, &profile->sites[0], &levelling), 0);
	profile_free(profile);
	return levelling;
}

static void a_leak_goes_on(void **state)
{
	struct levelling levelling = find(goes_on, 0);

	assert_false(levelling.levels_off);
	assert_int_equal(levelling.third, 1000000);
	assert_int_equal(levelling.last, 1000000);
	/* what was set up at the start says nothing of what came later */
	assert_false(find(begins_high_and_goes_on, 0).levels_off);
}

static void what_fills_up_levels_off(void **state)
{
	struct levelling levelling = find(fills_up, 0);

	assert_true(levelling.levels_off);
	assert_true(levelling.last < levelling.third / 2);
}

static void what_may_be_chance_is_not_told(void **state)
{
	assert_true(find(fills_up, 1e4).levels_off);
	assert_false(find(fills_up, 1e6).levels_off);
}

static void without_a_course_nothing_is_known(void **state)
{
	struct profile *profile = sample_profile();
	struct levelling levelling;

	assert_int_equal(levelling_find(profile, &profile->sites[0], &levelling), 0);
	assert_false(levelling.levels_off);
	profile_free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_leak_goes_on),
		cmocka_unit_test(what_fills_up_levels_off),
		cmocka_unit_test(what_may_be_chance_is_not_told),
		cmocka_unit_test(without_a_course_nothing_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
