/* SPDX-License-Identifier: MIT */
#include "profile/live-pages.h"

#include <stdlib.h>

#include "sample-profile.h"
#include "test.h"

enum { PAGE = 4096 };

static uint64_t count(const uint64_t blocks[][2], size_t n, bool exact)
{
	struct profile *profile = sample_profile();
	uint64_t bytes;

	free(profile->blocks);
	profile->blocks = calloc(n + 1, sizeof(*profile->blocks));
	assert_non_null(profile->blocks);
	profile->n_blocks = n;
	for (size_t i = 0; i < n; i++)
		profile->blocks[i] =
			(struct profile_block){.address = blocks[i][0], .size = blocks[i][1]};
	profile->agent.exact = exact;
	assert_int_equal(live_pages_count(profile, &bytes), 0);
	profile_free(profile);
	return bytes;
}

static void a_page_counts_once(void **state)
{
	/* two in one page, one across two pages, one inside of it, one of nothing */
	const uint64_t blocks[][2] = {
		{5 * PAGE + 100, 10}, {5 * PAGE, 100}, {9 * PAGE - 1, 2},
		{9 * PAGE + 50, 20},  {20 * PAGE, 0},
	};

	assert_int_equal(count(blocks, 5, true), 4 * PAGE);
	assert_int_equal(count(blocks, 0, true), 0);
}

static void large_blocks_count_all_their_pages(void **state)
{
	const uint64_t blocks[][2] = {{PAGE, 10 * PAGE}, {3 * PAGE, 12 * PAGE}};

	assert_int_equal(count(blocks, 2, true), 14 * PAGE);
}

static void a_sample_does_not_tell(void **state)
{
	const uint64_t blocks[][2] = {{PAGE, 10}};

	assert_true(count(blocks, 1, false) == PROFILE_UNKNOWN);
}

static void an_address_at_the_end_of_all_is_borne(void **state)
{
	const uint64_t blocks[][2] = {{UINT64_MAX - 10, 100}};

	assert_int_equal(count(blocks, 1, true), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_counts_once),
		cmocka_unit_test(large_blocks_count_all_their_pages),
		cmocka_unit_test(a_sample_does_not_tell),
		cmocka_unit_test(an_address_at_the_end_of_all_is_borne),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
