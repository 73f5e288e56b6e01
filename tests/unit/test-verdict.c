/* SPDX-License-Identifier: MIT */
/* Profiles of one site, whose blocks have the ages that each test gives them. */
#include "profile/verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sample-profile.h"
#include "test.h"

/* A process that ran for life_s and holds n blocks of size; ages follow. */
static struct profile *make(double life_s, unsigned n, uint64_t size)
{
	struct profile *profile = sample_profile();

	profile->process.captured_at = profile->process.started_at + life_s;
	free(profile->blocks);
	profile->blocks = calloc(n + 1, sizeof(*profile->blocks));
	assert_non_null(profile->blocks);
	profile->n_blocks = n;
	profile->n_sites = 1;
	profile->sites[0].live_blocks = profile->sites[0].n_samples = n;
	profile->sites[0].live_bytes = profile->sites[0].allocated_bytes = n * size;
	profile->heap.live_bytes = n * size;
	profile->heap.live_blocks = n;
	profile->heap.mapped_bytes = 0;
	for (unsigned i = 0; i < n; i++)
		profile->blocks[i] = (struct profile_block){.size = size};
	return profile;
}

static void set_ages(struct profile *profile)
{
	struct profile_site *site = &profile->sites[0];

	site->oldest_age_s = site->youngest_age_s = profile->blocks[0].age_s;
	for (size_t i = 0; i < profile->n_blocks; i++) {
		site->oldest_age_s = MAX(site->oldest_age_s, profile->blocks[i].age_s);
		site->youngest_age_s = MIN(site->youngest_age_s, profile->blocks[i].age_s);
	}
	assert_true(profile_is_valid(profile));
}

/* Evenly from youngest to oldest. */
static struct profile *make_even(double life_s, unsigned n, uint64_t size, double youngest,
				 double oldest)
{
	struct profile *profile = make(life_s, n, size);

	for (unsigned i = 0; i < n; i++)
		profile->blocks[i].age_s = youngest + (oldest - youngest) * i / (n - 1);
	set_ages(profile);
	return profile;
}

static void assert_judged(struct profile *profile, enum verdict_code code, double confidence)
{
	struct verdict verdict;

	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_equal(verdict.code, code);
	assert_true(fabs(verdict.confidence - confidence) < 1e-6);
	assert_true(verdict.n_because > 0);
	assert_true(verdict.n_advice == (code == VERDICT_LEAK || code == VERDICT_NOT_MALLOC));
	verdict_deinit(&verdict);
	profile_free(profile);
}

static void assert_no_leak(struct profile *profile)
{
	struct verdict verdict;

	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_not_equal(verdict.code, VERDICT_LEAK);
	verdict_deinit(&verdict);
	profile_free(profile);
}

static void blocks_of_all_ages_are_a_leak(void **state)
{
	assert_judged(make_even(100, 50, 10000, 1, 99), VERDICT_LEAK, 0.8);
	/* long observed is surer, few samples less so */
	assert_judged(make_even(10000, 50, 10000, 10, 9900), VERDICT_LEAK, 0.9);
	assert_judged(make_even(100, 5, 100000, 1, 99), VERDICT_LEAK, 0.7);
}

static void a_place_that_frees_most_may_leak_the_rest(void **state)
{
	struct profile *profile = make_even(100, 50, 10000, 1, 99);

	profile->sites[0].freed_bytes = 9500000;
	profile->sites[0].allocated_bytes = 10000000;
	assert_judged(profile, VERDICT_LEAK, 0.6);
}

static void a_leak_that_began_late_is_one(void **state)
{
	assert_judged(make_even(864000, 50, 10000, 1, 7200), VERDICT_LEAK, 0.9);
}

static void what_came_before_the_agent_has_no_age(void **state)
{
	/* attached to for 20 s of 1,000: what leaks since then is not what turns over */
	struct profile *profile = make_even(1000, 50, 10000, 0.1, 19.9);

	profile->sites[0].freed_bytes = 9500000;
	profile->sites[0].allocated_bytes = 10000000;
	profile->agent.since = profile->process.captured_at - 20;
	assert_judged(profile, VERDICT_LEAK, 0.6);
}

static void samples_count_for_what_they_stand_for(void **state)
{
	struct profile *profile = make(100, 1030, 1000);

	/* the start was recorded block by block, the rest one in a MiB */
	for (size_t i = 0; i < 1000; i++)
		profile->blocks[i].age_s = 99 - (double)i / 200;
	for (size_t i = 1000; i < 1030; i++) {
		profile->blocks[i].age_s = 94 - 3 * (double)(i - 1000);
		profile->blocks[i].interval = 1 << 20;
	}
	set_ages(profile);
	assert_judged(profile, VERDICT_LEAK, 0.8);
}

static void what_turns_over_is_a_cache(void **state)
{
	/* it has run for 1,000 s, nothing in it is older than 300 s, and it freed three times what it holds */
	struct profile *profile = make_even(1000, 400, 100000, 0.1, 300);
	struct verdict verdict;

	profile->sites[0].freed_bytes = 3 * profile->sites[0].live_bytes;
	profile->sites[0].allocated_bytes = 4 * profile->sites[0].live_bytes;
	profile->process.rss = 60 << 20;
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_equal(verdict.code, VERDICT_CACHE);
	/* nobody watched it: that it stays as big is not known */
	assert_non_null(strstr(verdict.because[2], "one moment looks the same"));
	assert_int_equal(verdict.advice[0].expected_bytes, profile->sites[0].live_bytes / 2);
	verdict_deinit(&verdict);
	/* what is as old as the process was never replaced */
	for (size_t i = 0; i < profile->n_blocks; i++)
		profile->blocks[i].age_s *= 3;
	set_ages(profile);
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_equal(verdict.code, VERDICT_LEAK);
	verdict_deinit(&verdict);
	profile_free(profile);
}

static void a_short_run_makes_it_unsure(void **state)
{
	assert_judged(make_even(0.02, 50, 10000, 0.0001, 0.0199), VERDICT_LEAK, 0.6);
}

static void what_was_set_up_once_is_no_leak(void **state)
{
	assert_judged(make_even(100, 50, 10000, 95, 99), VERDICT_UNDECIDED, 0);
	struct profile *profile = make_even(100, 50, 10000, 95, 99);
	profile->process.state = PROFILE_RUNNING;
	assert_judged(profile, VERDICT_HEALTHY, 0.5);
}

static void what_is_left_at_the_end_has_a_name_and_a_time(void **state)
{
	struct profile *profile = make_even(100, 50, 10000, 95, 99);
	struct verdict verdict;

	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_equal(verdict.code, VERDICT_UNDECIDED);
	assert_int_equal(verdict.n_because, 2);
	assert_non_null(strstr(verdict.because[1], "the most of it, 488.3 KiB in 50 blocks"));
	assert_non_null(strstr(verdict.because[1], "within 4.0 s, the last of it 1m 35s before"));
	verdict_deinit(&verdict);
	profile_free(profile);
	/* little is not worth it */
	profile = make_even(100, 50, 100, 95, 99);
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_equal(verdict.n_because, 1);
	verdict_deinit(&verdict);
	profile_free(profile);
}

/* Two stacks that differ further out only, each of which holds less than another place. */
static void what_is_left_by_many_stacks_of_a_place_is_that_places(void **state)
{
	struct profile *profile = make_even(100, 50, 10000, 95, 99);
	struct profile_site *sites = profile->sites;
	struct verdict verdict;

	profile->n_sites = 3;
	sites[1] = sites[0];
	sites[0].first_location = sites[2].first_location;
	sites[0].n_locations = sites[2].n_locations;
	sites[2] = sites[1];
	sites[0].live_bytes = 102400;
	sites[1].live_bytes = sites[2].live_bytes = 81920;
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_equal(verdict.n_because, 2);
	assert_non_null(strstr(verdict.because[1], "the most of it, 160.0 KiB in 100 blocks"));
	verdict_deinit(&verdict);
	profile_free(profile);
}

static void what_is_being_worked_with_is_no_leak(void **state)
{
	struct profile *profile = make(1000, 100, 10000);

	/* lifetimes that fall off by half each 40 s: the oldest is 265 s old */
	for (unsigned i = 0; i < 100; i++)
		profile->blocks[i].age_s = -40 * log2((i + 1) / 100.0);
	set_ages(profile);
	profile->process.state = PROFILE_RUNNING;
	assert_judged(profile, VERDICT_HEALTHY, 0.5);
	/* and a burst of this moment */
	assert_judged(make_even(100, 50, 10000, 0.1, 2), VERDICT_UNDECIDED, 0);
}

/* n blocks of a hundred are of the youngest quarter of the time, the others evenly of the rest. */
static enum verdict_code judge_young(unsigned n)
{
	struct profile *profile = make(100, 100, 10000);
	struct verdict verdict;
	enum verdict_code code;

	for (unsigned i = 0; i < 100; i++)
		profile->blocks[i].age_s =
			i < n ? 0.1 + 24.0 * i / n : 26 + 73.0 * (i - n) / (99 - n);
	set_ages(profile);
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	code = verdict.code;
	verdict_deinit(&verdict);
	profile_free(profile);
	return code;
}

static void what_is_mostly_of_this_moment_is_no_leak(void **state)
{
	assert_int_equal(judge_young(55), VERDICT_LEAK);
	assert_int_not_equal(judge_young(65), VERDICT_LEAK);
}

static void what_stopped_growing_is_no_leak(void **state)
{
	assert_judged(make_even(100, 50, 10000, 40, 99), VERDICT_UNDECIDED, 0);
}

static void what_is_too_small_is_not_worth_a_word(void **state)
{
	struct profile *profile = make_even(100, 50, 100, 1, 99);

	profile->heap.live_bytes = 1 << 30;
	assert_judged(profile, VERDICT_UNDECIDED, 0);
}

static void mappings_that_gather_are_not_of_malloc(void **state)
{
	struct profile *profile = make_even(100, 50, 65536, 1, 99);

	profile->sites[0].kind = MT_SITE_MMAP;
	profile->sites[0].map_flags = MT_MAP_ANON;
	assert_judged(profile, VERDICT_NOT_MALLOC, 0.8);
	profile = make_even(100, 50, 65536, 1, 99);
	profile->sites[0].kind = MT_SITE_MMAP;
	profile->sites[0].flags = MT_STACK_BACKING;
	assert_judged(profile, VERDICT_UNDECIDED, 0);
}

static void what_a_runtime_maps_bit_by_bit_is_not_forgotten(void **state)
{
	struct profile *profile = make_even(100, 50, 65536, 1, 99);
	struct mapping mapping = {.end = 1 << 30};
	struct ledger_mapping owned = {.mapping = &mapping, .owner = LEDGER_PYTHON};
	struct ledger ledger = {.maps = {.mappings = &mapping, .n_mappings = 1},
				.mappings = &owned,
				.rss = 10 << 20};
	struct verdict verdict;

	profile->sites[0].kind = MT_SITE_MMAP;
	profile->sites[0].map_flags = MT_MAP_ANON;
	ledger.lines[LEDGER_PYTHON].resident = 3 << 20;
	assert_int_equal(verdict_judge(profile, &ledger, NULL, &verdict), 0);
	assert_int_equal(verdict.code, VERDICT_NOT_MALLOC);
	assert_string_equal(
		verdict.because[0],
		"3.0 MiB of 10.0 MiB resident are Python's arenas of small objects, not malloc's");
	assert_string_equal(verdict.because[1], "3.1 MiB of it came bit by bit, up to now");
	assert_non_null(strstr(verdict.advice[1].action, "PYTHONMALLOC=malloc"));
	verdict_deinit(&verdict);
	/* what nobody manages, somebody has forgotten */
	owned.owner = LEDGER_MAPPED;
	assert_int_equal(verdict_judge(profile, &ledger, NULL, &verdict), 0);
	assert_non_null(strstr(verdict.advice[0].action, "find out who should unmap"));
	verdict_deinit(&verdict);
	profile_free(profile);
}

static void everything_freed_is_healthy_and_certain_if_exact(void **state)
{
	struct profile *profile = make(100, 0, 0);

	assert_judged(profile, VERDICT_HEALTHY, 1.0);
	profile = make(100, 0, 0);
	profile->agent.exact = false;
	assert_judged(profile, VERDICT_HEALTHY, 0.8);
}

static void no_allocation_at_all_is_never_healthy(void **state)
{
	struct profile *profile = make(100, 0, 0);

	profile->n_sites = 0;
	profile->agent.samples = 0;
	assert_judged(profile, VERDICT_UNDECIDED, 0);
}

static void much_kept_by_the_allocator_is_retention(void **state)
{
	struct profile *profile = make_even(100, 50, 10000, 95, 99);
	struct ledger ledger = {.rss = 200 << 20};
	struct verdict verdict;

	profile->process.state = PROFILE_RUNNING;
	ledger.lines[LEDGER_HEAP_FREE].resident = 150 << 20;
	ledger.lines[LEDGER_HEAP_LIVE].resident = profile->heap.live_bytes;
	assert_int_equal(verdict_judge(profile, &ledger, NULL, &verdict), 0);
	assert_int_equal(verdict.code, VERDICT_RETENTION);
	assert_string_equal(verdict.because[0],
			    "150.0 MiB of 200.0 MiB resident are in the heap but in no live block");
	verdict_deinit(&verdict);
	profile_free(profile);
}

/* Watched for life_s, with that growth of the one site. */
static void watch(struct profile *profile, double life_s, double growth, double low, double high)
{
	enum { N = 100 };
	struct profile_site *site = &profile->sites[0];

	profile->moments = calloc(N, sizeof(*profile->moments));
	assert_non_null(profile->moments);
	profile->n_moments = N;
	for (int i = 0; i < N; i++) {
		const double at = life_s * i / (N - 1);

		profile->moments[i] = (struct profile_moment){
			.at = profile->process.started_at + at,
			.rss = PROFILE_UNKNOWN,
			.anon = PROFILE_UNKNOWN,
			.live = (uint64_t)((double)site->live_bytes - growth * (life_s - at)),
		};
	}
	site->growth = growth;
	site->growth_low = low;
	site->growth_high = high;
}

/* It allocated in the first first_s of life_s and in the last last_s, and waited between; no growth was seen. */
static void work(struct profile *profile, double life_s, double first_s, double last_s)
{
	watch(profile, life_s, 0, 0, 0);
	profile->sites[0].growth = NAN;
	profile->sites[0].growth_low = profile->sites[0].growth_high = NAN;
	for (size_t i = 0; i < profile->n_moments; i++) {
		const double at = profile->moments[i].at - profile->process.started_at;
		const double worked = MIN(at, first_s) + MAX(at - (life_s - last_s), 0);

		profile->moments[i].allocated = (uint64_t)(1e6 * worked);
	}
}

/* n blocks of 100 s: the first half came evenly in the first 10 s, the others in the last. */
static struct profile *make_halves(unsigned n, double last_s)
{
	struct profile *profile = make(100, n, 10000);

	for (unsigned i = 0; i < n; i++)
		profile->blocks[i].age_s =
			i < n / 2 ? 100 - 20.0 * (i + 0.5) / n : last_s * 2 * (n - i - 0.5) / n;
	set_ages(profile);
	return profile;
}

static void what_gathers_by_work_is_a_leak_though_the_process_waited(void **state)
{
	struct profile *profile = make_halves(100, 10);

	work(profile, 100, 10, 10);
	assert_judged(profile, VERDICT_LEAK, 0.8);
}

static void set_up_before_the_process_waited_is_no_leak(void **state)
{
	struct profile *profile = make(100, 100, 10000);

	/* all of it in the first tenth of the work, but for one block lately */
	for (unsigned i = 0; i < 100; i++)
		profile->blocks[i].age_s = i < 99 ? 100 - 0.02 * i : 0.5;
	set_ages(profile);
	work(profile, 100, 10, 10);
	assert_no_leak(profile);
}

static void work_that_ended_tells_no_leak(void **state)
{
	struct profile *profile = make(100, 100, 10000);

	/* evenly over the work, which was at the start only */
	for (unsigned i = 0; i < 100; i++)
		profile->blocks[i].age_s = 100 - 0.1 * i;
	set_ages(profile);
	work(profile, 100, 10, 0);
	assert_no_leak(profile);
}

static void what_was_seen_to_grow_is_a_leak_whatever_its_ages(void **state)
{
	/* nine tenths are of the start, the rest came bit by bit */
	struct profile *profile = make(1000, 1000, 1000);

	for (unsigned i = 0; i < 1000; i++)
		profile->blocks[i].age_s = i < 900 ? 999 : 10 * (i - 900);
	set_ages(profile);
	watch(profile, 1000, 100, 95, 105);
	assert_judged(profile, VERDICT_LEAK, 0.95);
}

static void what_grew_and_was_freed_at_the_end_is_no_leak(void **state)
{
	struct profile *profile = make(1000, 100, 1000);
	struct verdict verdict;

	for (unsigned i = 0; i < 100; i++)
		profile->blocks[i].age_s = 999;
	set_ages(profile);
	profile->process.state = PROFILE_RUNNING;
	watch(profile, 1000, 0, 0, 0);
	profile->sites[0].growth = profile->sites[0].growth_low = profile->sites[0].growth_high =
		10000;
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_equal(verdict.code, VERDICT_HEALTHY);
	verdict_deinit(&verdict);
	profile_free(profile);
}

static void what_was_seen_to_stand_still_is_no_leak(void **state)
{
	/* of all ages, as something that is replaced at random */
	struct profile *profile = make_even(1000, 50, 10000, 10, 990);
	struct verdict verdict;

	profile->process.state = PROFILE_RUNNING;
	watch(profile, 1000, 1, -3, 4);
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_equal(verdict.code, VERDICT_HEALTHY);
	assert_true(fabs(verdict.confidence - 0.7) < 1e-6);
	assert_non_null(strstr(verdict.because[1], "did not grow in the later half"));
	verdict_deinit(&verdict);
	profile_free(profile);
}

/* RSS from 100 MiB to 100 MiB + growth. */
static void let_rss_grow(struct profile *profile, uint64_t growth)
{
	const uint64_t from = 100 << 20;

	for (size_t i = 0; i < profile->n_moments; i++)
		profile->moments[i].rss = from + growth * i / (profile->n_moments - 1);
	profile->process.rss = from + growth;
}

/* After the end nothing is resident: what grew is told by the looks before. */
static void growth_is_told_of_what_has_ended_too(void **state)
{
	struct profile *profile = make_even(1000, 50, 1000000, 0.1, 200);
	struct verdict verdict;

	watch(profile, 1000, 0, 0, 0);
	let_rss_grow(profile, 50 << 20);
	profile->moments[profile->n_moments - 1].rss = PROFILE_UNKNOWN;
	profile->process.rss = PROFILE_UNKNOWN;
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_equal(verdict.code, VERDICT_UNDECIDED);
	assert_non_null(strstr(verdict.because[1], "RSS grew by 51.2 KiB each second"));
	verdict_deinit(&verdict);
	profile_free(profile);
}

/* Five samples, none of them of the last quarter: too few to be seen growing; but RSS grows, and nothing was freed. */
static void the_one_place_that_can_be_why_rss_grows_is_named(void **state)
{
	struct profile *profile = make_even(100, 5, 2 << 20, 30, 95);
	struct profile_site *site = &profile->sites[0];
	struct verdict verdict;

	watch(profile, 100, NAN, NAN, NAN);
	let_rss_grow(profile, 8 << 20);
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_equal(verdict.code, VERDICT_LEAK);
	assert_true(verdict.confidence < 0.65);
	assert_non_null(strstr(verdict.because[2], "RSS grew by 81.9 KiB each second"));
	assert_non_null(strstr(verdict.because[2], "this place can be why"));
	verdict_deinit(&verdict);
	/* not where it freed some, where nothing came lately, or where it holds less than RSS grew by */
	site->freed_bytes = 1 << 20;
	site->allocated_bytes += 1 << 20;
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_equal(verdict.code, VERDICT_UNDECIDED);
	verdict_deinit(&verdict);
	site->freed_bytes = 0;
	let_rss_grow(profile, 80 << 20);
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_equal(verdict.code, VERDICT_UNDECIDED);
	verdict_deinit(&verdict);
	let_rss_grow(profile, 8 << 20);
	for (size_t i = 0; i < profile->n_blocks; i++)
		profile->blocks[i].age_s = 60 + (double)i;
	set_ages(profile);
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_equal(verdict.code, VERDICT_UNDECIDED);
	verdict_deinit(&verdict);
	profile_free(profile);
}

/* A program that has ended, whose mappings stayed: not a word of malloc alone, and not healthy for it. */
static void mappings_that_stayed_are_told_at_the_end(void **state)
{
	struct profile *profile = make_even(4, 266, 256 << 10, 1, 3);
	struct verdict verdict;

	profile->sites[0].kind = MT_SITE_MMAP;
	profile->heap.mapped_bytes = 266 * (256 << 10);
	profile->heap.live_bytes = 200 << 10;
	profile->heap.live_blocks = 201;
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_equal(verdict.code, VERDICT_UNDECIDED);
	assert_non_null(strstr(verdict.because[1], "66.5 MiB were mapped and never unmapped"));
	assert_non_null(strstr(verdict.because[1], "266 mappings by "));
	verdict_deinit(&verdict);
	profile->heap.live_bytes = profile->heap.live_blocks = 0;
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_equal(verdict.code, VERDICT_UNDECIDED);
	assert_non_null(strstr(verdict.because[1], "66.5 MiB were mapped and never unmapped"));
	verdict_deinit(&verdict);
	/* beside more of malloc's it is not what counts */
	profile->heap.live_bytes = 100 << 20;
	profile->heap.live_blocks = 100;
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_equal(verdict.n_because, 1);
	verdict_deinit(&verdict);
	profile_free(profile);
}

static void growth_of_which_nobody_knows_the_place_is_not_called_healthy(void **state)
{
	struct profile *profile = make_even(1000, 50, 1000000, 0.1, 200);
	struct verdict verdict;

	profile->process.state = PROFILE_RUNNING;
	watch(profile, 1000, 0, 0, 0);
	let_rss_grow(profile, 50 << 20);
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_equal(verdict.code, VERDICT_UNDECIDED);
	assert_string_equal(
		verdict.because[0],
		"RSS grew by 51.2 KiB each second in the later half of the 16m 40s that it was "
		"watched, and no place that was recorded gathers so much");
	assert_non_null(strstr(verdict.advice[0].action, "memtrace maps "));
	verdict_deinit(&verdict);
	/* with few samples it is they who may have missed it */
	profile->heap.live_stderr = 10e6;
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_equal(verdict.code, VERDICT_UNDECIDED);
	assert_non_null(strstr(verdict.because[1], "live are 47.7 MiB ± 9.5 MiB"));
	assert_non_null(strstr(verdict.advice[0].action, "--sample=64K"));
	verdict_deinit(&verdict);
	/* that it stands still cannot be said by them either */
	let_rss_grow(profile, 2 << 20);
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_equal(verdict.code, VERDICT_HEALTHY);
	assert_true(fabs(verdict.confidence - 0.5) < 1e-6);
	assert_int_equal(verdict.n_because, 1);
	verdict_deinit(&verdict);
	profile_free(profile);
}

/* A second place, whose n blocks of size came evenly all through the run. */
static void add_gathering_site(struct profile *profile, unsigned n, uint64_t size, double growth)
{
	struct profile_site *site = &profile->sites[1];
	const double life_s = profile->process.captured_at - profile->process.started_at;

	profile->blocks =
		realloc(profile->blocks, (profile->n_blocks + n) * sizeof(*profile->blocks));
	assert_non_null(profile->blocks);
	for (unsigned i = 0; i < n; i++)
		profile->blocks[profile->n_blocks + i] = (struct profile_block){
			.site = 1, .size = size, .age_s = life_s * (0.001 + 0.99 * i / (n - 1))};
	profile->n_blocks += n;
	profile->n_sites = 2;
	*site = (struct profile_site){
		.first_location = profile->sites[0].first_location,
		.n_locations = profile->sites[0].n_locations,
		.kind = MT_SITE_MALLOC,
		.live_blocks = n,
		.n_samples = n,
		.live_bytes = n * size,
		.allocated_bytes = n * size,
		.youngest_age_s = life_s * 0.001,
		.oldest_age_s = life_s * 0.991,
		.growth = growth,
		.growth_low = growth * 0.9,
		.growth_high = growth * 1.1,
	};
}

static void a_cache_does_not_hide_that_something_else_grows(void **state)
{
	struct profile *profile = make_even(1000, 400, 100000, 0.1, 300);
	struct verdict verdict;

	profile->sites[0].freed_bytes = 3 * profile->sites[0].live_bytes;
	profile->sites[0].allocated_bytes = 4 * profile->sites[0].live_bytes;
	profile->process.state = PROFILE_RUNNING;
	watch(profile, 1000, 0, 0, 0);
	let_rss_grow(profile, 50 << 20);
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_equal(verdict.code, VERDICT_CACHE);
	assert_true(fabs(verdict.confidence - 0.5) < 1e-6);
	assert_non_null(strstr(verdict.because[3], "RSS grew by 51.2 KiB each second"));
	assert_non_null(strstr(verdict.advice[1].action, "memtrace maps "));
	verdict_deinit(&verdict);
	/* a place that gathers as much is what the trouble is, however small it is yet */
	add_gathering_site(profile, 100, 10000, 40e3);
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_equal(verdict.code, VERDICT_LEAK);
	assert_int_equal(verdict.advice[0].expected_bytes, 1000000);
	assert_non_null(
		strstr(verdict.because[verdict.n_because - 1], "turn over and do not grow"));
	verdict_deinit(&verdict);
	let_rss_grow(profile, 0);
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_equal(verdict.code, VERDICT_CACHE);
	assert_int_equal(verdict.n_advice, 1);
	verdict_deinit(&verdict);
	profile_free(profile);
}

static void growth_that_was_seen_makes_surer_and_is_told(void **state)
{
	struct profile *profile = make_even(100, 50, 10000, 1, 99);
	struct verdict verdict;

	watch(profile, 100, 5000, 4900, 5100);
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_true(fabs(verdict.confidence - 0.9) < 1e-6);
	assert_string_equal(verdict.because[2], "in the 1m 40s that it was watched it grew by "
						"17.2 MiB each hour (16.8 MiB to 17.5 MiB)");
	verdict_deinit(&verdict);
	profile_free(profile);
}

static void short_watching_leaves_it_to_the_ages(void **state)
{
	struct profile *profile = make_even(100, 50, 10000, 1, 99);

	watch(profile, 2, 0, 0, 0);
	assert_judged(profile, VERDICT_LEAK, 0.8);
}

/* Its place held 40 MB, or went from nothing to 40 MB and down again every ten moments. */
static enum verdict_code judge_turning(bool comes_and_goes, const char *words)
{
	struct profile *profile = make_even(1000, 400, 100000, 0.1, 300);
	struct verdict verdict;

	profile->sites[0].freed_bytes = 3 * profile->sites[0].live_bytes;
	profile->sites[0].allocated_bytes = 4 * profile->sites[0].live_bytes;
	profile->process.rss = 60 << 20;
	watch(profile, 1000, 0, -1000, 1000);
	profile->n_points = profile->n_moments;
	profile->points = calloc(profile->n_points, sizeof(*profile->points));
	assert_non_null(profile->points);
	for (uint32_t i = 0; i < profile->n_points; i++)
		profile->points[i] = (struct profile_point){
			.moment = i,
			.live_bytes = comes_and_goes ? i % 10 * 4000000 : 40000000,
		};
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	const enum verdict_code code = verdict.code;

	if (words)
		assert_non_null(strstr(verdict.because[2], words));
	verdict_deinit(&verdict);
	profile_free(profile);
	return code;
}

static void work_that_comes_and_goes_is_no_cache(void **state)
{
	assert_int_equal(judge_turning(false, "stays as big as it is"), VERDICT_CACHE);
	assert_int_not_equal(judge_turning(true, NULL), VERDICT_CACHE);
}

static void an_agent_that_came_to_an_idle_process_knows_nothing_of_it(void **state)
{
	struct profile *profile = make_even(100, 50, 10000, 1, 99);
	struct verdict verdict;

	profile->agent.samples = 0;
	profile->n_sites = profile->n_blocks = 0;
	profile->heap.live_bytes = profile->heap.live_blocks = 0;
	profile->agent.mode = MT_MODE_INJECTED;
	profile->agent.since = profile->process.captured_at - 20;
	profile->process.state = PROFILE_RUNNING;
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_equal(verdict.code, VERDICT_UNDECIDED);
	assert_non_null(strstr(verdict.because[0], "in the 20 s that it was watched nothing"));
	assert_non_null(strstr(verdict.advice[0].action, "when it is at work"));
	verdict_deinit(&verdict);
	profile->agent.mode = MT_MODE_PRELOAD;
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_non_null(strstr(verdict.because[0], "the agent saw no allocation"));
	verdict_deinit(&verdict);
	profile_free(profile);
}

static void what_libc_has_a_call_for_is_not_to_be_freed(void **state)
{
	struct profile *profile = make_even(100, 50, 10000, 1, 99);
	struct verdict verdict;

	profile->sites[0] = (struct profile_site){
		.id = 7,
		.kind = MT_SITE_MALLOC,
		.live_bytes = 500000,
		.live_blocks = 50,
		.allocated_bytes = 500000,
		.n_samples = 50,
		.oldest_age_s = 99,
		.youngest_age_s = 1,
		.growth = NAN,
		.first_location = profile->sites[2].first_location,
		.n_locations = profile->sites[2].n_locations,
	};
	profile->frames[profile_location_get(profile, &profile->sites[0], 0)->first_frame]
		.function = "regcomp";
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_equal(verdict.code, VERDICT_LEAK);
	assert_string_equal(verdict.advice[0].action,
			    "find out who should call regfree for what regcomp for parse_line "
			    "(src/config.c:88) allocates");
	verdict_deinit(&verdict);
	profile_free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_of_all_ages_are_a_leak),
		cmocka_unit_test(a_place_that_frees_most_may_leak_the_rest),
		cmocka_unit_test(a_leak_that_began_late_is_one),
		cmocka_unit_test(what_came_before_the_agent_has_no_age),
		cmocka_unit_test(samples_count_for_what_they_stand_for),
		cmocka_unit_test(what_turns_over_is_a_cache),
		cmocka_unit_test(what_gathers_by_work_is_a_leak_though_the_process_waited),
		cmocka_unit_test(set_up_before_the_process_waited_is_no_leak),
		cmocka_unit_test(work_that_ended_tells_no_leak),
		cmocka_unit_test(what_was_seen_to_grow_is_a_leak_whatever_its_ages),
		cmocka_unit_test(what_grew_and_was_freed_at_the_end_is_no_leak),
		cmocka_unit_test(what_was_seen_to_stand_still_is_no_leak),
		cmocka_unit_test(a_cache_does_not_hide_that_something_else_grows),
		cmocka_unit_test(growth_is_told_of_what_has_ended_too),
		cmocka_unit_test(the_one_place_that_can_be_why_rss_grows_is_named),
		cmocka_unit_test(mappings_that_stayed_are_told_at_the_end),
		cmocka_unit_test(growth_of_which_nobody_knows_the_place_is_not_called_healthy),
		cmocka_unit_test(growth_that_was_seen_makes_surer_and_is_told),
		cmocka_unit_test(short_watching_leaves_it_to_the_ages),
		cmocka_unit_test(a_short_run_makes_it_unsure),
		cmocka_unit_test(what_was_set_up_once_is_no_leak),
		cmocka_unit_test(what_is_left_at_the_end_has_a_name_and_a_time),
		cmocka_unit_test(what_is_left_by_many_stacks_of_a_place_is_that_places),
		cmocka_unit_test(what_is_being_worked_with_is_no_leak),
		cmocka_unit_test(what_is_mostly_of_this_moment_is_no_leak),
		cmocka_unit_test(what_stopped_growing_is_no_leak),
		cmocka_unit_test(what_is_too_small_is_not_worth_a_word),
		cmocka_unit_test(mappings_that_gather_are_not_of_malloc),
		cmocka_unit_test(what_a_runtime_maps_bit_by_bit_is_not_forgotten),
		cmocka_unit_test(everything_freed_is_healthy_and_certain_if_exact),
		cmocka_unit_test(no_allocation_at_all_is_never_healthy),
		cmocka_unit_test(much_kept_by_the_allocator_is_retention),
		cmocka_unit_test(work_that_comes_and_goes_is_no_cache),
		cmocka_unit_test(an_agent_that_came_to_an_idle_process_knows_nothing_of_it),
		cmocka_unit_test(what_libc_has_a_call_for_is_not_to_be_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
