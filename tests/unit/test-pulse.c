/* SPDX-License-Identifier: MIT */
/*
 * test-pulse.c: a region that is written to between pulses, and what a profile makes of it.
 */
#include "profile/pulse.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/macro.h"
#include "tests/support/region-maker.h"
#include "tests/unit/test.h"

static const uint64_t frames[] = {0x1000, 0x2000, 0x3000};

/* A region that can be written to while it is open. */
struct fixture {
	struct region_maker maker;
	struct region *region;
	struct pulse_reader *reader;
	struct pulse_state state;
	uint32_t sites[3];
};

static int set_up_with(void **state, unsigned seals)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;
	_cleanup_close_ int fd = -1;
	void *bytes;

	*f = (struct fixture){};
	region_maker_init(&f->maker);
	for (unsigned i = 0; i < 3; i++)
		f->sites[i] = region_maker_add_site(
			&f->maker, i < 2 ? MT_SITE_MALLOC : MT_SITE_MMAP, &frames[i], 1);
	region_maker_add_live(&f->maker, 0x10000, 100, f->sites[0], 0);
	region_maker_add_live(&f->maker, 0x20000, 50, f->sites[0], 0);
	region_maker_add_live(&f->maker, 0x30000, 7, f->sites[1], 0);
	region_maker_add_map(&f->maker, 0x7f0000000000, 4096, f->sites[2], MT_MAP_ANON);
	fd = region_maker_memfd(&f->maker, seals);
	bytes = mmap(NULL, f->maker.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(bytes != MAP_FAILED);
	assert_int_equal(region_open_fd(fd, &f->region), 0);
	region_maker_deinit(&f->maker);
	f->maker.bytes = bytes;
	f->maker.header = bytes;
	f->maker.size = (size_t)f->maker.header->region_size;
	f->reader = pulse_reader_new();
	assert_non_null(f->reader);
	*state = f;
	return 0;
}

static int set_up(void **state)
{
	return set_up_with(state, F_SEAL_SHRINK);
}

/* It is not mapped then. */
static int set_up_unsealed(void **state)
{
	return set_up_with(state, 0);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	pulse_reader_free(f->reader);
	pulse_state_deinit(&f->state);
	region_free(f->region);
	munmap(f->maker.bytes, f->maker.size);
	return 0;
}

static struct mt_live *live_at(struct fixture *f, uint32_t index)
{
	return region_maker_entry(&f->maker, &f->maker.header->live, index);
}

static void take(struct fixture *f, const struct pulse *unused, struct pulse *ret)
{
	assert_int_equal(pulse_take(f->reader, f->region, unused, ret), 0);
}

static const struct pulse_site *change_of(const struct pulse *pulse, uint32_t site)
{
	for (size_t i = 0; i < pulse->n_changes; i++)
		if (pulse->changes[i].site == site)
			return &pulse->changes[i].now;
	return NULL;
}

static void the_first_pulse_is_everything(void **state)
{
	struct fixture *f = *state;
	_cleanup_(pulse_deinit) struct pulse pulse = {};

	take(f, NULL, &pulse);
	assert_int_equal(pulse.n_changes, 3);
	assert_true(change_of(&pulse, f->sites[0])->bytes == 150);
	assert_true(change_of(&pulse, f->sites[0])->blocks == 2);
	assert_true(change_of(&pulse, f->sites[1])->bytes == 7);
	assert_true(change_of(&pulse, f->sites[2])->bytes == 4096);
	assert_true(pulse.heap_bytes == 157);
	assert_true(pulse.mapped_bytes == 4096);
}

static void what_stands_still_is_not_told_again(void **state)
{
	struct fixture *f = *state;
	_cleanup_(pulse_deinit) struct pulse first = {}, second = {}, third = {};

	take(f, NULL, &first);
	take(f, NULL, &second);
	assert_int_equal(second.n_changes, 0);
	assert_true(second.heap_bytes == 157);
	live_at(f, 3)->size = 9;
	take(f, NULL, &third);
	assert_int_equal(third.n_changes, 1);
	assert_true(change_of(&third, f->sites[1])->bytes == 9);
	assert_true(third.heap_bytes == 159);
}

static void freed_blocks_are_taken_out(void **state)
{
	struct fixture *f = *state;
	_cleanup_(pulse_deinit) struct pulse first = {}, second = {};

	take(f, NULL, &first);
	live_at(f, 1)->addr = 0;
	live_at(f, 3)->addr = 0;
	take(f, NULL, &second);
	assert_true(change_of(&second, f->sites[0])->bytes == 50);
	assert_true(change_of(&second, f->sites[1])->blocks == 0);
	assert_true(change_of(&second, f->sites[1])->oldest_ns == 0);
	assert_true(second.heap_bytes == 50);
}

static void a_block_that_goes_to_another_site_changes_both(void **state)
{
	struct fixture *f = *state;
	_cleanup_(pulse_deinit) struct pulse first = {}, second = {};

	take(f, NULL, &first);
	live_at(f, 2)->site = f->sites[1];
	take(f, NULL, &second);
	assert_true(change_of(&second, f->sites[0])->bytes == 100);
	assert_true(change_of(&second, f->sites[1])->bytes == 57);
	assert_true(second.heap_bytes == 157);
}

static void changes_of_a_pulse_that_nobody_used_come_again(void **state)
{
	struct fixture *f = *state;
	_cleanup_(pulse_deinit) struct pulse first = {}, second = {};

	take(f, NULL, &first);
	take(f, &first, &second);
	assert_int_equal(second.n_changes, 3);
}

static void the_oldest_block_may_have_gone_for_a_minute(void **state)
{
	struct fixture *f = *state;
	uint64_t oldest_ns = 0;

	live_at(f, 1)->time_ns = 1000;
	live_at(f, 2)->time_ns = 2000;
	for (unsigned i = 0; i < 61; i++) {
		_cleanup_(pulse_deinit) struct pulse pulse = {};

		take(f, NULL, &pulse);
		assert_int_equal(pulse_state_add(&f->state, &pulse), 0);
		if (i == 0)
			oldest_ns = f->state.sites[f->sites[0]].oldest_ns;
		live_at(f, 1)->addr = 0;
	}
	assert_int_equal(oldest_ns, 1000);
	assert_int_equal(f->state.sites[f->sites[0]].oldest_ns, 2000);
	assert_true(f->state.sites[f->sites[0]].bytes == 50);
}

static void summing_up_anew_loses_nothing(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 130; i++) {
		_cleanup_(pulse_deinit) struct pulse pulse = {};

		live_at(f, 3)->size = i + 1;
		take(f, NULL, &pulse);
		assert_int_equal(pulse_state_add(&f->state, &pulse), 0);
		assert_true(pulse.heap_bytes == 150 + i + 1);
		assert_true(f->state.sites[f->sites[0]].bytes == 150);
		assert_true(f->state.sites[f->sites[1]].bytes == i + 1);
	}
}

static void hostile_sites_are_nobodys(void **state)
{
	struct fixture *f = *state;
	_cleanup_(pulse_deinit) struct pulse pulse = {};

	live_at(f, 1)->site = 0xfffffff0;
	live_at(f, 2)->site = 0;
	live_at(f, 3)->size = UINT64_MAX;
	take(f, NULL, &pulse);
	assert_null(change_of(&pulse, f->sites[0]));
	assert_null(change_of(&pulse, f->sites[1]));
}

static double kept_of(const struct pulse *pulse, uint32_t site)
{
	for (size_t i = 0; i < pulse->n_kept; i++)
		if (pulse->kept[i].site == site)
			return pulse->kept[i].per_s;
	return 0;
}

/* A block for each of the ages, all of that size. */
static void put_ages(struct fixture *f, uint32_t *next, uint32_t site, uint64_t size,
		     const double *ages_s, size_t n)
{
	const uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);

	for (size_t i = 0; i < n; i++) {
		*live_at(f, *next) =
			(struct mt_live){.addr = 0x10000 * *next,
					 .size = size,
					 .site = site,
					 .time_ns = now_ns - (uint64_t)(ages_s[i] * 1e9)};
		*next += 1;
	}
}

static void what_stays_is_told_from_what_comes_and_goes(void **state)
{
	static const double leaked[] = {2.1, 4.1, 6.1};
	static const double churned[] = {0.1, 2.5, 3.5};
	static const double filled[] = {6.1, 6.5, 6.8};
	struct fixture *f = *state;
	_cleanup_(pulse_deinit) struct pulse pulse = {};
	uint32_t next = 1;

	put_ages(f, &next, f->sites[0], 1000, leaked, ARRAY_SIZE(leaked));
	put_ages(f, &next, f->sites[1], 1000, churned, ARRAY_SIZE(churned));
	put_ages(f, &next, f->sites[2], 1000, filled, ARRAY_SIZE(filled));
	f->maker.header->n_live = next;
	take(f, NULL, &pulse);
	assert_true(pulse.has_kept);
	assert_true(fabs(kept_of(&pulse, f->sites[0]) - 500) < 1);
	assert_true(kept_of(&pulse, f->sites[1]) == 0);
	assert_true(kept_of(&pulse, f->sites[2]) == 0);
}

/* ---- over a profile ---- */

static unsigned n_touched;

static void touch(void *context, uint32_t site)
{
	(void)context;
	(void)site;
	n_touched++;
}

/* A profile whose first site stands for the first two of the region, and that does not know the third. */
static void make_profile(const struct fixture *f, struct profile *profile,
			 struct profile_site *sites, uint32_t *recorded)
{
	*profile = (struct profile){.sites = sites, .n_sites = 1};
	sites[0] = (struct profile_site){.live_bytes = 1, .live_blocks = 1, .allocated_bytes = 160};
	recorded[0] = PROFILE_NO_SITE;
	recorded[f->sites[0]] = recorded[f->sites[1]] = 0;
	profile->recorded_sites = recorded;
	profile->n_recorded_sites = f->sites[1] + 1;
}

static void a_profile_gets_the_figures_of_the_moment(void **state)
{
	struct fixture *f = *state;
	_cleanup_(pulse_deinit) struct pulse first = {}, second = {};
	struct profile_site sites[1];
	struct profile profile;
	uint32_t recorded[8];
	double unknown;

	make_profile(f, &profile, sites, recorded);
	take(f, NULL, &first);
	assert_int_equal(pulse_state_add(&f->state, &first), 0);
	pulse_apply_all(&f->state, &first, &profile, &unknown);
	assert_int_equal(sites[0].live_bytes, 157);
	assert_int_equal(sites[0].live_blocks, 3);
	assert_int_equal(sites[0].freed_bytes, 3);
	assert_int_equal(profile.heap.live_bytes, 157);
	assert_true(unknown == 4096);

	live_at(f, 1)->addr = 0;
	live_at(f, 3)->size = 70;
	take(f, NULL, &second);
	n_touched = 0;
	pulse_apply(&f->state, &second, &profile, &unknown, touch, NULL);
	assert_int_equal(n_touched, 2);
	assert_int_equal(sites[0].live_bytes, 120);
	assert_int_equal(sites[0].live_blocks, 2);
	assert_int_equal(profile.heap.live_bytes, 120);
	assert_true(unknown == 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_pulse_is_everything, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_stands_still_is_not_told_again, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(freed_blocks_are_taken_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_block_that_goes_to_another_site_changes_both,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(changes_of_a_pulse_that_nobody_used_come_again,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_oldest_block_may_have_gone_for_a_minute, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(summing_up_anew_loses_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(summing_up_anew_loses_nothing, set_up_unsealed,
						tear_down),
		cmocka_unit_test_setup_teardown(freed_blocks_are_taken_out, set_up_unsealed,
						tear_down),
		cmocka_unit_test_setup_teardown(what_stays_is_told_from_what_comes_and_goes, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(hostile_sites_are_nobodys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_profile_gets_the_figures_of_the_moment, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
