/* SPDX-License-Identifier: MIT */
/* Site 2 of the sample profile: strdup of libc, called by parse_line, called by main. */
#include "profile/remedy.h"

#include "sample-profile.h"
#include "test.h"

static const char *remedy_of(const char *innermost)
{
	struct profile *profile = sample_profile();
	const struct profile_site *site = &profile->sites[2];
	const struct profile_location *location = profile_location_get(profile, site, 0);

	profile->frames[location->first_frame].function = innermost;
	const char *call = remedy_find(profile, site);

	profile_free(profile);
	return call;
}

static void what_libc_gives_back_by_another_call_has_one(void **state)
{
	assert_string_equal(remedy_of("regcomp"), "regfree");
	assert_string_equal(remedy_of("getaddrinfo"), "freeaddrinfo");
	assert_string_equal(remedy_of("pthread_create"), "pthread_join or pthread_detach");
}

static void what_is_freed_by_free_has_none(void **state)
{
	assert_null(remedy_of("strdup"));
	assert_null(remedy_of("getline"));
	assert_null(remedy_of(NULL));
}

static void a_function_of_the_program_is_its_own(void **state)
{
	struct profile *profile = sample_profile();
	const struct profile_location *location =
		profile_location_get(profile, &profile->sites[0], 0);

	profile->frames[location->first_frame].function = "regcomp";
	assert_null(remedy_find(profile, &profile->sites[0]));
	profile_free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_libc_gives_back_by_another_call_has_one),
		cmocka_unit_test(what_is_freed_by_free_has_none),
		cmocka_unit_test(a_function_of_the_program_is_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
