/* SPDX-License-Identifier: MIT */
#include "profile/series.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macro.h"
#include "profile/course.h"
#include "profile/moment.h"
#include "profile/session.h"
#include "sample-profile.h"
#include "test.h"

enum { MANY_SITES = 700, DAY_S = 24 * 3600 };

static const double START = 1700000000;

static struct series_site *make_sites(uint32_t n)
{
	struct series_site *sites = calloc(n, sizeof(*sites));

	assert_non_null(sites);
	for (uint32_t i = 1; i < n; i++)
		sites[i] = (struct series_site){.followed = true, .malloc = true};
	return sites;
}

static void hold(struct series_site *site, uint64_t bytes)
{
	site->allocated_bytes = MAX(site->allocated_bytes, bytes);
	site->live_bytes = bytes;
}

static void add(struct series *series, double at, uint64_t rss, const struct series_site *sites,
		uint32_t n_sites)
{
	const struct series_sample sample = {
		.at = START + at, .rss = rss, .anon = rss, .sites = sites, .n_sites = n_sites};

	assert_int_equal(series_add(series, &sample), 0);
}

/* A profile with n sites, or what the sample has, that are the region's, one by one. */
static struct profile *finish(const struct series *series, uint32_t n)
{
	struct profile *profile = sample_profile();

	n = MAX(n, (uint32_t)profile->n_sites);

	profile->sites = realloc(profile->sites, n * sizeof(*profile->sites));
	for (uint32_t i = (uint32_t)profile->n_sites; i < n; i++) {
		profile->sites[i] = profile->sites[3];
		profile->sites[i].id = i;
	}
	profile->n_sites = n;
	free(profile->recorded_sites);
	profile->recorded_sites = calloc(n, sizeof(uint32_t));
	profile->n_recorded_sites = n;
	for (uint32_t i = 0; i < n; i++)
		profile->recorded_sites[i] = i;
	profile->recorded_sites[0] = PROFILE_NO_SITE;
	assert_int_equal(series_finish(series, profile), 0);
	assert_true(profile_is_valid(profile));
	return profile;
}

static void recent_moments_are_all_there_and_old_ones_are_thinned(void **state)
{
	struct series *series = series_new();
	struct series_site *sites = make_sites(2);
	struct profile *profile;

	for (int i = 0; i < 10000; i++)
		add(series, i, 1000, sites, 2);
	assert_true(series_count(series) < 10 * SERIES_PER_TIER);
	profile = finish(series, 2);
	const size_t n = profile->n_moments;

	for (size_t i = 0; i + 1 < SERIES_PER_TIER; i++)
		assert_true(profile->moments[n - 1 - i].at == START + 9999 - (double)i);
	assert_true(profile->moments[0].at == START);
	for (size_t i = 1; i < n; i++) {
		const double age = START + 9999 - profile->moments[i].at;
		const double step = profile->moments[i].at - profile->moments[i - 1].at;

		assert_true(step > 0 && step <= MAX(1.0, age / (SERIES_PER_TIER / 4.0) + 4));
	}
	profile_free(profile);
	free(sites);
	series_free(series);
}

static void heights_that_are_no_peaks_stay_with_a_neighbour(void **state)
{
	struct series *series = series_new();
	struct series_site *sites = make_sites(2);
	bool has_live = false, has_rss = false;
	struct profile *profile;

	for (int i = 0; i < 5000; i++) {
		hold(&sites[1], i == 10 ? 9000000 : i == 1235 ? 8000000 : 1000);
		add(series, i, i == 10 ? 50000000 : i == 1301 ? 40000000 : 2000, sites, 2);
	}
	profile = finish(series, 2);
	for (size_t i = 0; i < profile->n_moments; i++) {
		/* the moments themselves were thinned out */
		assert_true(profile->moments[i].at != START + 1235);
		assert_true(profile->moments[i].at != START + 1301);
		has_live |= profile->moments[i].highest_live == 8000000;
		has_rss |= profile->moments[i].highest_rss == 40000000;
	}
	assert_true(has_live && has_rss);
	profile_free(profile);
	free(sites);
	series_free(series);
}

static void peaks_stay_and_their_heights_with_them(void **state)
{
	struct series *series = series_new();
	struct series_site *sites = make_sites(3);
	struct profile *profile;
	size_t n, peak;

	for (int i = 0; i < 5000; i++) {
		hold(&sites[1], i == 1234 ? 9000000 : 1000);
		hold(&sites[2], 500);
		add(series, i, i == 777 ? 50000000 : 2000, sites, 3);
	}
	profile = finish(series, 3);
	peak = course_highest(profile, COURSE_LIVE);
	assert_true(profile->moments[peak].at == START + 1234);
	assert_true(profile->moments[peak].live == 9000500);
	peak = course_highest(profile, COURSE_RSS);
	assert_true(profile->moments[peak].at == START + 777);

	const struct profile_point *points = course_points(profile, 1, &n);
	bool seen = false;

	for (size_t i = 0; i < n; i++)
		seen = seen || points[i].live_bytes == 9000000;
	assert_true(seen);
	points = course_points(profile, 2, &n);
	/* nothing ever changed */
	assert_int_equal(n, 1);
	assert_int_equal(points[0].live_bytes, 500);
	profile_free(profile);
	free(sites);
	series_free(series);
}

static void what_a_joined_moment_stood_for_is_kept(void **state)
{
	struct series *series = series_new();
	struct series_site *sites = make_sites(2);
	struct profile *profile;
	uint64_t highest = 0;

	for (int i = 0; i < 3000; i++)
		add(series, i, i == 100 ? 9000 : i == 2000 ? 10000 : 10, sites, 2);
	profile = finish(series, 2);
	for (size_t i = 0; i < profile->n_moments; i++)
		if (profile->moments[i].at < START + 1000)
			highest = MAX(highest, profile->moments[i].highest_rss);
	assert_int_equal(highest, 9000);
	profile_free(profile);
	free(sites);
	series_free(series);
}

static void a_site_that_came_later_held_nothing_before(void **state)
{
	struct series *series = series_new();
	struct series_site *sites = make_sites(3);
	struct profile *profile;
	size_t n;

	for (int i = 0; i < 20; i++) {
		hold(&sites[1], 100);
		hold(&sites[2], i >= 10 ? 7000 : 0);
		add(series, i, 1, sites, i >= 10 ? 3 : 2);
	}
	profile = finish(series, 3);
	const struct profile_point *points = course_points(profile, 2, &n);

	assert_int_equal(n, 2);
	assert_int_equal(points[0].moment, 0);
	assert_int_equal(points[0].live_bytes, 0);
	assert_int_equal(points[1].moment, 10);
	assert_int_equal(points[1].live_bytes, 7000);
	profile_free(profile);
	free(sites);
	series_free(series);
}

static void a_heavy_site_takes_the_slot_of_a_light_one(void **state)
{
	struct series *series = series_new();
	struct series_site *sites = make_sites(MANY_SITES);
	struct profile *profile;
	size_t n;

	for (int i = 0; i < 50; i++) {
		for (uint32_t k = 1; k < MANY_SITES; k++)
			hold(&sites[k], 1000);
		/* beyond the slots; it was there all the time */
		hold(&sites[MANY_SITES - 1], i < 20 ? 1000 : 1000 + 1000000 * (uint64_t)i);
		add(series, i, 1, sites, MANY_SITES);
	}
	profile = finish(series, MANY_SITES);
	const struct profile_point *points = course_points(profile, MANY_SITES - 1, &n);

	assert_int_equal(n, 30);
	/* before it had a slot nothing is known */
	assert_int_equal(points[0].moment, 20);
	assert_float_equal((float)profile->sites[MANY_SITES - 1].growth, 1e6F, 1e3F);
	profile_free(profile);
	free(sites);
	series_free(series);
}

static void growth_of_each_site_is_told(void **state)
{
	struct series *series = series_new();
	struct series_site *sites = make_sites(4);
	struct profile *profile;

	for (int i = 0; i < 600; i++) {
		hold(&sites[1], 5000 + (uint64_t)i * 300);
		hold(&sites[2], i < 200 ? (uint64_t)i * 10000 : 2000000);
		hold(&sites[3], 1000);
		add(series, i, 1000 * (uint64_t)i, sites, 4);
	}
	profile = finish(series, 4);
	assert_float_equal((float)profile->sites[1].growth, 300, 0.1F);
	assert_true(profile->sites[1].growth_low > 0);
	assert_float_equal((float)profile->sites[2].growth, 0, 0.1F);
	assert_float_equal((float)profile->sites[3].growth, 0, 0.1F);
	assert_true(isnan(profile->sites[0].growth));
	assert_float_equal((float)course_growth(profile, COURSE_RSS).per_s, 1000, 0.1F);
	/* an estimate may be wrong in all readings alike: half of what is live came in the 300 s that count */
	profile->sites[1].live_bytes = 180000;
	profile->sites[1].live_stderr = 30000;
	assert_int_equal(course_find_growth(profile), 0);
	assert_float_equal((float)profile->sites[1].growth, 300, 0.1F);
	assert_float_equal((float)profile->sites[1].growth_low, 300 - 138.6, 2);
	assert_float_equal((float)profile->sites[1].growth_high, 300 + 138.6, 2);
	profile_free(profile);
	free(sites);
	series_free(series);
}

static void figures_come_from_the_blocks_and_not_from_counters_that_lag(void **state)
{
	struct mt_site from[] = {
		{},
		{.n_frames = 1,
		 .kind = MT_SITE_MALLOC,
		 .alloc_bytes = 9000,
		 .alloc_blocks = 9 * MT_BLOCKS_ONE},
		{.n_frames = 1, .kind = MT_SITE_MMAP, .alloc_bytes = 4096},
		{.n_frames = 1, .kind = MT_SITE_MMAP, .alloc_bytes = 4096},
	};
	struct mt_live live[] = {{.addr = 16, .size = 1000, .site = 1},
				 {.addr = 32, .size = 1000, .site = 1, .interval = 1000}};
	struct mt_map maps[] = {{.start = 4096, .size = 4096, .site = 2},
				{.start = 8192, .size = 4096, .site = 3, .flags = MT_MAP_BACKING}};
	const struct region_snapshot snapshot = {
		.sites = from, .n_sites = 4, .live = live, .n_live = 2, .maps = maps, .n_maps = 2};
	struct series_site *sites;

	assert_int_equal(series_weigh(&snapshot, &sites), 0);
	assert_false(sites[0].followed);
	assert_true(sites[1].followed && sites[1].malloc);
	/* 1000 / (1 - 1/e) for the second */
	assert_int_equal(sites[1].live_bytes, 1000 + 1582);
	assert_int_equal(sites[1].live_blocks, 3);
	assert_int_equal(sites[1].allocated_bytes, 9000);
	assert_int_equal(sites[1].allocated_blocks, 9);
	assert_true(sites[2].followed && !sites[2].malloc);
	assert_int_equal(sites[2].live_bytes, 4096);
	assert_false(sites[3].followed);
	free(sites);
}

static void looking_costs_less_and_less(void **state)
{
	assert_true(series_interval_ns(0, 0) == 50000000);
	assert_true(series_interval_ns(5000000000, 0) == 250000000);
	assert_true(series_interval_ns(3600000000000, 0) == 1000000000);
	/* a hundredth of the time at most */
	assert_true(series_interval_ns(3600000000000, 50000000) == 5000000000);
}

/* All that a process at the default can leave: its live blocks fill the region's table. */
static void add_blocks(struct profile *profile, size_t n)
{
	uint64_t state = 1;

	profile->blocks =
		realloc(profile->blocks, (profile->n_blocks + n) * sizeof(*profile->blocks));
	for (size_t i = 0; i < n; i++) {
		state = state * 6364136223846793005ull + 1442695040888963407ull;
		profile->blocks[profile->n_blocks++] = (struct profile_block){
			.address = 0x7f0000000000 + (state >> 24 << 4),
			.size = 16 + (state >> 50 << 3),
			.age_s = (double)(state >> 30) / 1e6,
			.site = 1 + (uint32_t)(state >> 40) % (MANY_SITES - 1),
			.thread = 1,
			.interval = 524288,
		};
	}
}

static void a_day_takes_less_than_20_mb(void **state)
{
	char path[] = "/tmp/memtrace-series-XXXXXX";
	struct series *series = series_new();
	struct series_site *sites = make_sites(MANY_SITES);
	struct profile *profile, *read;
	uint64_t random = 7;
	struct stat st;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	/* each site is at work all day long; the clock is ours */
	for (int at = 0; at < DAY_S; at++) {
		for (uint32_t i = 1; i < MANY_SITES; i += at % 60 == 0 ? 1 : 97) {
			random = random * 6364136223846793005ull + 1442695040888963407ull;
			sites[i].allocated_bytes += random >> 44;
			sites[i].allocated_blocks += random >> 54;
			hold(&sites[i], sites[i].allocated_bytes / 2 + (random >> 48));
			sites[i].live_blocks = sites[i].live_bytes >> 10;
		}
		add(series, at, (random >> 30), sites, MANY_SITES);
	}
	assert_true(series_size(series) < 16 << 20);
	profile = finish(series, MANY_SITES);
	add_blocks(profile, 65536);
	assert_int_equal(session_write(profile, path), 0);
	assert_int_equal(stat(path, &st), 0);
	print_message("%zu moments, %zu points, %.1f MB in memory, %.1f MB in the file\n",
		      profile->n_moments, profile->n_points, (double)series_size(series) / 1e6,
		      (double)st.st_size / 1e6);
	assert_true(st.st_size < 20000000);
	assert_int_equal(session_read(path, &read), 0);
	assert_int_equal(read->n_moments, profile->n_moments);
	assert_int_equal(read->n_points, profile->n_points);
	unlink(path);
	close(fd);
	profile_free(profile);
	profile_free(read);
	free(sites);
	series_free(series);
}

static void marked_moments_stay(void **state)
{
	struct series *series = series_new();
	struct series_site *sites = make_sites(2);

	for (int i = 0; i < 20000; i++) {
		if (i == 777)
			assert_int_equal(series_mark(series, "warm", START + i - 0.5), 0);
		/* a name that comes again is the moment where it came last */
		if (i == 100 || i == 5000)
			assert_int_equal(series_mark(series, "again", START + i - 0.25), 0);
		add(series, i, 1000, sites, 2);
	}
	struct profile *profile = finish(series, 2);

	assert_int_equal(profile->n_marks, 2);
	assert_string_equal(profile->marks[0].name, "warm");
	assert_string_equal(profile->marks[1].name, "again");
	assert_true(profile->marks[1].at == START + 5000 - 0.25);
	assert_true(profile->moments[moment_nearest(profile, START + 777)].at == START + 777);
	assert_true(profile->moments[moment_nearest(profile, START + 5000)].at == START + 5000);
	assert_false(profile->moments[moment_nearest(profile, START + 100)].at == START + 100);
	profile_free(profile);
	free(sites);
	series_free(series);
}

static void names_of_marks_are_bounded(void **state)
{
	struct series *series = series_new();
	struct series_site *sites = make_sites(2);
	char name[32];

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "request %d", i);
		assert_int_equal(series_mark(series, name, START + i), 0);
	}
	add(series, 0, 1000, sites, 2);
	struct profile *profile = finish(series, 2);

	assert_int_equal(profile->n_marks, SERIES_MARKS);
	profile_free(profile);
	free(sites);
	series_free(series);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recent_moments_are_all_there_and_old_ones_are_thinned),
		cmocka_unit_test(heights_that_are_no_peaks_stay_with_a_neighbour),
		cmocka_unit_test(peaks_stay_and_their_heights_with_them),
		cmocka_unit_test(what_a_joined_moment_stood_for_is_kept),
		cmocka_unit_test(a_site_that_came_later_held_nothing_before),
		cmocka_unit_test(a_heavy_site_takes_the_slot_of_a_light_one),
		cmocka_unit_test(growth_of_each_site_is_told),
		cmocka_unit_test(figures_come_from_the_blocks_and_not_from_counters_that_lag),
		cmocka_unit_test(looking_costs_less_and_less),
		cmocka_unit_test(a_day_takes_less_than_20_mb),
		cmocka_unit_test(marked_moments_stay),
		cmocka_unit_test(names_of_marks_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
