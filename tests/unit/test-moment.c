/* SPDX-License-Identifier: MIT */
#include "profile/moment.h"

#include <math.h>
#include <stdlib.h>

#include "profile/course.h"
#include "profile/verdict.h"
#include "sample-profile.h"
#include "test.h"

static void the_nearest_moment_is_found(void **state)
{
	struct profile *profile = sample_profile_watched();
	const double start = profile->process.started_at;

	assert_int_equal(moment_nearest(profile, start - 100), 0);
	assert_int_equal(moment_nearest(profile, start + 1.2), 2);
	assert_int_equal(moment_nearest(profile, start + 1.3), 3);
	assert_int_equal(moment_nearest(profile, start + 1e6), 24);
	profile_free(profile);
}

static void a_profile_goes_back_to_a_moment(void **state)
{
	struct profile *profile = sample_profile_watched();
	uint64_t rest;

	assert_int_equal(moment_go_to(profile, 10, &rest), 0);
	assert_true(profile_is_valid(profile));
	assert_int_equal(rest, 1960);
	assert_int_equal(profile->n_moments, 11);
	assert_int_equal(profile->n_points, 11);
	assert_int_equal(profile->process.state, PROFILE_RUNNING);
	assert_true(profile->process.captured_at == profile->process.started_at + 5);
	assert_int_equal(profile->process.rss, 6 << 20);
	assert_int_equal(profile->heap.live_bytes, 500000);
	assert_int_equal(profile->heap.peak_live_bytes, 500000);
	assert_int_equal(profile->heap.allocated_bytes, 10 << 19);
	assert_int_equal(profile->n_blocks, 0);
	assert_true(profile->sites[0].id == 0x1111111111111111);
	assert_int_equal(profile->sites[0].live_bytes, 498040);
	assert_true(profile->sites[0].oldest_age_s < 0);
	/* nobody followed these */
	assert_int_equal(profile->sites[1].live_bytes, 0);
	assert_float_equal((float)profile->sites[0].growth, 80000, 1);
	profile_free(profile);
}

static void sites_are_ranked_as_they_were_then(void **state)
{
	struct profile *profile = sample_profile_watched();
	uint64_t rest;
	size_t n;

	/* held much at the start, and little since */
	profile->points = realloc(profile->points, (25 + 2) * sizeof(*profile->points));
	profile->points[25] = (struct profile_point){.site = 2, .live_bytes = 5000000};
	profile->points[26] = (struct profile_point){.site = 2, .moment = 20, .live_bytes = 1960};
	profile->n_points = 27;
	assert_true(profile_is_valid(profile));
	assert_int_equal(moment_go_to(profile, 15, &rest), 0);
	assert_true(profile_is_valid(profile));
	assert_true(profile->sites[0].id == 0x3333333333333333);
	assert_true(profile->sites[1].id == 0x1111111111111111);
	assert_int_equal(course_points(profile, 0, &n)->live_bytes, 5000000);
	assert_int_equal(n, 1);
	(void)course_points(profile, 1, &n);
	assert_int_equal(n, 16);
	profile_free(profile);
}

static void errors_of_estimates_are_not_lost(void **state)
{
	struct profile *profile = sample_profile_watched();
	uint64_t rest;

	profile->agent.exact = false;
	profile->agent.interval = 10000;
	assert_int_equal(moment_go_to(profile, 10, &rest), 0);
	assert_float_equal((float)profile->sites[0].live_stderr, sqrtf(498040.0F * 10000), 1);
	profile_free(profile);
}

static void nothing_is_called_healthy_by_a_moment(void **state)
{
	struct profile *profile = sample_profile_watched();
	struct verdict verdict;
	uint64_t rest;

	assert_int_equal(moment_go_to(profile, 3, &rest), 0);
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_null(verdict_code_name(verdict.code));
	assert_int_equal(verdict.n_because, 1);
	verdict_deinit(&verdict);
	profile_free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nearest_moment_is_found),
		cmocka_unit_test(a_profile_goes_back_to_a_moment),
		cmocka_unit_test(sites_are_ranked_as_they_were_then),
		cmocka_unit_test(errors_of_estimates_are_not_lost),
		cmocka_unit_test(nothing_is_called_healthy_by_a_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
