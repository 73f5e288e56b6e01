/* SPDX-License-Identifier: MIT */
/* Sites of the sample profile, given the same or another stack. */
#include "profile/places.h"

#include <math.h>

#include "sample-profile.h"
#include "test.h"

/* Site 1 with the stack of site 0, one call further out than the place apart. */
static struct profile *make_twins(void)
{
	struct profile *profile = sample_profile();
	struct profile_site *twin = &profile->sites[1];

	*twin = profile->sites[0];
	twin->id++;
	profile->sites[0].oldest_age_s = 10;
	profile->sites[0].youngest_age_s = 5;
	twin->oldest_age_s = 8;
	twin->youngest_age_s = 1;
	profile->sites[0].growth = twin->growth = (double)NAN;
	return profile;
}

static void sites_that_read_the_same_are_one_place(void **state)
{
	struct profile *profile = make_twins();
	const uint64_t bytes = profile->sites[0].live_bytes, blocks = profile->sites[0].live_blocks;
	_cleanup_(places_deinit) struct places places = {};

	for (int i = 0; i < 3; i++)
		assert_int_equal(places_add(&places, profile, &profile->sites[i]), 0);
	places_finish(&places);
	assert_int_equal(places.n, 2);
	assert_int_equal(places.bytes, 2 * bytes + profile->sites[2].live_bytes);
	assert_int_equal(places.heaviest[0]->id, profile->sites[0].id);
	assert_int_equal(places.heaviest[0]->live_bytes, 2 * bytes);
	assert_int_equal(places.heaviest[0]->live_blocks, 2 * blocks);
	assert_true(places.heaviest[0]->oldest_age_s == 10);
	assert_true(places.heaviest[0]->youngest_age_s == 1);
	assert_true(isnan(places.heaviest[0]->growth));
	assert_int_equal(places.heaviest[1]->id, profile->sites[2].id);
	profile_free(profile);
}

static void growth_adds_up_with_its_bounds(void **state)
{
	struct profile *profile = make_twins();
	_cleanup_(places_deinit) struct places places = {};

	profile->sites[0].growth = 100;
	profile->sites[0].growth_low = 70;
	profile->sites[0].growth_high = 130;
	profile->sites[1].growth = 50;
	profile->sites[1].growth_low = 10;
	profile->sites[1].growth_high = 90;
	for (int i = 0; i < 2; i++)
		assert_int_equal(places_add(&places, profile, &profile->sites[i]), 0);
	places_finish(&places);
	assert_true(fabs(places.heaviest[0]->growth - 150) < 1e-9);
	assert_true(fabs(places.heaviest[0]->growth_low - 100) < 1e-9);
	assert_true(fabs(places.heaviest[0]->growth_high - 200) < 1e-9);
	profile_free(profile);
}

static void many_small_sites_are_heavier_than_a_large_one(void **state)
{
	struct profile *profile = make_twins();
	_cleanup_(places_deinit) struct places places = {};

	profile->sites[2].live_bytes = 3 * profile->sites[0].live_bytes / 2;
	assert_int_equal(places_add(&places, profile, &profile->sites[2]), 0);
	assert_int_equal(places_add(&places, profile, &profile->sites[0]), 0);
	assert_int_equal(places_add(&places, profile, &profile->sites[1]), 0);
	places_finish(&places);
	assert_int_equal(places.heaviest[0]->id, profile->sites[0].id);
	assert_int_equal(places.heaviest[1]->id, profile->sites[2].id);
	profile_free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sites_that_read_the_same_are_one_place),
		cmocka_unit_test(growth_adds_up_with_its_bounds),
		cmocka_unit_test(many_small_sites_are_heavier_than_a_large_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
