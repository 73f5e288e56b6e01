/* SPDX-License-Identifier: MIT */
/*
 * test-diff.c: sites of two profiles are brought together, and their changes add up.
 */
#include "profile/diff.h"

#include "sample-profile.h"
#include "test.h"

static const struct diff_site *change_of(const struct diff *diff, uint32_t old, uint32_t new)
{
	for (size_t i = 0; i < diff->n_sites; i++)
		if (diff->sites[i].old == old && diff->sites[i].new == new)
			return &diff->sites[i];
	fail_msg("sites %u and %u were not brought together", old, new);
	return NULL;
}

static void sites_are_the_same_by_identity(void **state)
{
	struct profile *old = sample_profile(), *new = sample_profile();
	_cleanup_(diff_deinit) struct diff diff = {};

	new->sites[2].live_bytes += 490;
	new->sites[2].live_blocks += 10;
	new->process.captured_at += 10;
	assert_int_equal(diff_make(old, new, &diff), 0);
	assert_true(diff.same_process);
	assert_true(diff.interval_s > 9.9 && diff.interval_s < 10.1);
	assert_int_equal(diff.live_bytes, 490);
	assert_int_equal(diff.sites[0].live_bytes, 490);
	assert_int_equal(change_of(&diff, 2, 2)->live_blocks, 10);
	assert_int_equal(change_of(&diff, 0, 0)->live_bytes, 0);
	profile_free(old);
	profile_free(new);
}

static void sites_of_a_rebuilt_program_are_the_same_by_names(void **state)
{
	struct profile *old = sample_profile(), *new = sample_profile();
	_cleanup_(diff_deinit) struct diff diff = {};

	for (size_t i = 0; i < new->n_sites; i++)
		new->sites[i].id ^= 0x5555;
	new->process.pid++;
	assert_int_equal(diff_make(old, new, &diff), 0);
	assert_false(diff.same_process);
	assert_int_equal(diff.live_bytes, 0);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(change_of(&diff, i, i)->live_bytes, 0);
	profile_free(old);
	profile_free(new);
}

static void what_is_only_on_one_side_is_new_or_gone(void **state)
{
	struct profile *old = sample_profile(), *new = sample_profile();
	_cleanup_(diff_deinit) struct diff diff = {};
	const size_t n = old->n_sites;

	old->n_sites = 1;
	assert_int_equal(diff_make(old, new, &diff), 0);
	assert_int_equal(change_of(&diff, DIFF_NONE, 1)->live_bytes, 64 << 10);
	diff_deinit(&diff);
	old->n_sites = n;
	new->n_sites = 1;
	assert_int_equal(diff_make(old, new, &diff), 0);
	assert_int_equal(change_of(&diff, 1, DIFF_NONE)->live_bytes, -(64 << 10));
	assert_int_equal(diff.sites[diff.n_sites - 1].live_bytes, -(64 << 10));
	new->n_sites = n;
	profile_free(old);
	profile_free(new);
}

static void nothing_is_brought_together_twice(void **state)
{
	struct profile *old = sample_profile(), *new = sample_profile();
	_cleanup_(diff_deinit) struct diff diff = {};

	/* two places of the new one have the identity of one of the old one */
	new->sites[1].id = new->sites[0].id;
	assert_int_equal(diff_make(old, new, &diff), 0);
	assert_int_equal(change_of(&diff, 0, 0)->live_bytes, 0);
	assert_int_equal(change_of(&diff, 1, 1)->live_bytes, 0);
	assert_int_equal(diff.live_bytes, 0);
	profile_free(old);
	profile_free(new);
}

static void errors_of_both_sides_add_up_as_independent_ones(void **state)
{
	struct profile *old = sample_profile(), *new = sample_profile();
	_cleanup_(diff_deinit) struct diff diff = {};

	old->sites[0].live_stderr = 3000;
	new->sites[0].live_stderr = 4000;
	new->sites[2].live_stderr = 12000;
	assert_int_equal(diff_make(old, new, &diff), 0);
	assert_float_equal((float)change_of(&diff, 0, 0)->live_stderr, 5000, 0.01);
	assert_float_equal((float)change_of(&diff, 2, 2)->live_stderr, 12000, 0.01);
	assert_float_equal((float)diff.live_stderr, 13000, 0.01);
	profile_free(old);
	profile_free(new);
}

static void a_change_within_twice_its_error_is_not_certain(void **state)
{
	struct diff_site site = {.live_bytes = -1000, .live_stderr = 501};

	assert_false(diff_site_is_certain(&site));
	site.live_stderr = 499;
	assert_true(diff_site_is_certain(&site));
	site = (struct diff_site){.live_bytes = 1};
	assert_true(diff_site_is_certain(&site));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sites_are_the_same_by_identity),
		cmocka_unit_test(sites_of_a_rebuilt_program_are_the_same_by_names),
		cmocka_unit_test(what_is_only_on_one_side_is_new_or_gone),
		cmocka_unit_test(nothing_is_brought_together_twice),
		cmocka_unit_test(errors_of_both_sides_add_up_as_independent_ones),
		cmocka_unit_test(a_change_within_twice_its_error_is_not_certain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
