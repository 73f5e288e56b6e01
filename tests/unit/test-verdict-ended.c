/* SPDX-License-Identifier: MIT */
/*
 * Processes that have come to their end, watched for 20 s, whose blocks are gone or tell nothing: what is said
 * comes from the course.
 */
#include "profile/verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sample-profile.h"
#include "test.h"

enum { N_MOMENTS = 41 };
#define MIB ((uint64_t)1 << 20)

/* What the process held at a moment, 0 to 40. */
typedef uint64_t held_fn(unsigned moment);

static uint64_t rises(unsigned moment)
{
	return moment * MIB;
}

static uint64_t doubles_twice(unsigned moment)
{
	return moment < 15 ? 8 * MIB : moment < 30 ? 16 * MIB : 32 * MIB;
}

static uint64_t is_flat(unsigned moment)
{
	(void)moment;
	return 8 * MIB;
}

static uint64_t comes_and_goes(unsigned moment)
{
	return (moment % 8) * 4 * MIB;
}

static uint64_t comes_at_the_end(unsigned moment)
{
	return moment < N_MOMENTS - 1 ? 0 : 16 * MIB;
}

/* Site 0 is the only one; it holds nothing at the end, unless left is set. */
static struct profile *make(held_fn *held, uint64_t left)
{
	struct profile *profile = sample_profile();
	struct profile_process *process = &profile->process;
	struct profile_site *site = &profile->sites[0];

	process->captured_at = process->started_at + 20;
	free(profile->blocks);
	profile->blocks = NULL;
	profile->n_blocks = left > 0 ? 1 : 0;
	profile->blocks = calloc(1, sizeof(*profile->blocks));
	assert_non_null(profile->blocks);
	profile->blocks[0] = (struct profile_block){.size = left, .age_s = 1};
	profile->n_sites = 1;
	*site = (struct profile_site){
		.kind = MT_SITE_MALLOC,
		.first_location = site->first_location,
		.n_locations = site->n_locations,
		.live_bytes = left,
		.live_blocks = left > 0,
		.n_samples = left > 0,
		.allocated_bytes = 64 * MIB,
		.allocated_blocks = 64,
		.freed_bytes = 64 * MIB - left,
		.freed_blocks = 64 - (left > 0),
		.oldest_age_s = left > 0 ? 1 : -1,
		.youngest_age_s = left > 0 ? 1 : -1,
		.growth = (double)NAN,
	};
	profile->heap = (struct profile_heap){
		.live_bytes = left,
		.live_blocks = left > 0,
		.allocated_bytes = 64 * MIB,
		.allocated_blocks = 64,
		.peak_live_bytes = 64 * MIB,
	};
	profile->moments = calloc(N_MOMENTS, sizeof(*profile->moments));
	profile->points = calloc(N_MOMENTS, sizeof(*profile->points));
	assert_true(profile->moments && profile->points);
	profile->n_moments = profile->n_points = N_MOMENTS;
	for (unsigned i = 0; i < N_MOMENTS; i++) {
		profile->moments[i] = (struct profile_moment){
			.at = process->started_at + i / 2.0,
			.rss = 4 * MIB + held(i),
			.live = held(i),
			.highest_live = held(i),
			.allocated = i * MIB,
		};
		profile->points[i] = (struct profile_point){
			.moment = i, .live_bytes = held(i), .live_blocks = 1};
	}
	assert_true(profile_is_valid(profile));
	return profile;
}

static struct verdict judge(struct profile *profile)
{
	struct verdict verdict;

	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	profile_free(profile);
	return verdict;
}

static bool says(const struct verdict *verdict, const char *words)
{
	for (size_t i = 0; i < verdict->n_because; i++)
		if (strstr(verdict->because[i], words))
			return true;
	return false;
}

static void what_grew_to_the_end_and_was_freed_then_is_not_healthy(void **state)
{
	_cleanup_(verdict_deinit) struct verdict verdict = judge(make(rises, 0));

	assert_int_equal(verdict.code, VERDICT_UNDECIDED);
	assert_true(says(&verdict, "every block that was allocated was freed"));
	assert_true(says(&verdict, "make_node (src/list.c:42)"));
	assert_true(says(&verdict, "held 20.0 MiB half way, and 40.0 MiB"));
	assert_true(strstr(verdict.advice[1].action, "--at=peak") != NULL);
}

static void a_block_that_is_made_larger_in_leaps_is_named(void **state)
{
	_cleanup_(verdict_deinit) struct verdict verdict = judge(make(doubles_twice, 32 * MIB));

	assert_int_equal(verdict.code, VERDICT_UNDECIDED);
	assert_true(says(&verdict, "held 16.0 MiB half way, and 32.0 MiB"));
	assert_false(says(&verdict, "no place that was recorded"));
}

static void two_ways_to_one_place_are_one_place_that_grew(void **state)
{
	struct profile *profile = make(rises, 0);

	/* each of two sites with the same stack has half of what the place had */
	profile->points = realloc(profile->points, 2 * sizeof(*profile->points) * N_MOMENTS);
	assert_non_null(profile->points);
	profile->n_points = 2 * N_MOMENTS;
	profile->n_sites = 2;
	profile->sites[1] = profile->sites[0];
	for (unsigned i = 0; i < N_MOMENTS; i++) {
		struct profile_point *point = &profile->points[i];

		point->live_bytes = rises(i) * 9 / 20;
		profile->points[N_MOMENTS + i] = *point;
		profile->points[N_MOMENTS + i].site = 1;
	}
	_cleanup_(verdict_deinit) struct verdict verdict = judge(profile);

	assert_true(says(&verdict, "held 18.0 MiB half way, and 36.0 MiB"));
}

static void what_stood_still_is_healthy_though_something_is_left(void **state)
{
	_cleanup_(verdict_deinit) struct verdict verdict = judge(make(is_flat, 100));

	assert_int_equal(verdict.code, VERDICT_HEALTHY);
	assert_true(fabs(verdict.confidence - 0.7) < 1e-6);
	assert_true(says(&verdict, "1 block from 1 place was never freed"));
	assert_int_equal(verdict.n_advice, 0);
}

static void what_comes_and_goes_is_healthy(void **state)
{
	_cleanup_(verdict_deinit) struct verdict verdict = judge(make(comes_and_goes, 0));

	assert_int_equal(verdict.code, VERDICT_HEALTHY);
}

static void what_comes_as_the_program_ends_is_no_growth(void **state)
{
	_cleanup_(verdict_deinit) struct verdict verdict = judge(make(comes_at_the_end, 16 * MIB));

	assert_int_equal(verdict.code, VERDICT_HEALTHY);
	assert_true(says(&verdict, "it was allocated 1.0 s before the end"));
}

static void a_short_run_that_left_something_stays_open(void **state)
{
	struct profile *profile = make(is_flat, 100);

	for (unsigned i = 0; i < N_MOMENTS; i++)
		profile->moments[i].at = profile->process.started_at + i / 10.0;
	profile->process.captured_at = profile->process.started_at + 4;
	_cleanup_(verdict_deinit) struct verdict verdict = judge(profile);

	assert_int_equal(verdict.code, VERDICT_UNDECIDED);
}

static void samples_do_not_know_that_all_was_freed(void **state)
{
	struct profile *profile = make(is_flat, 0);

	profile->agent.exact = false;
	profile->agent.interval = MIB;
	_cleanup_(verdict_deinit) struct verdict verdict = judge(profile);

	assert_false(says(&verdict, "that was allocated was freed"));
	assert_true(says(&verdict, "every block that was sampled was freed"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_grew_to_the_end_and_was_freed_then_is_not_healthy),
		cmocka_unit_test(a_block_that_is_made_larger_in_leaps_is_named),
		cmocka_unit_test(two_ways_to_one_place_are_one_place_that_grew),
		cmocka_unit_test(what_stood_still_is_healthy_though_something_is_left),
		cmocka_unit_test(what_comes_and_goes_is_healthy),
		cmocka_unit_test(what_comes_as_the_program_ends_is_no_growth),
		cmocka_unit_test(a_short_run_that_left_something_stays_open),
		cmocka_unit_test(samples_do_not_know_that_all_was_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
