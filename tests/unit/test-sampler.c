/* SPDX-License-Identifier: MIT */
/* test-sampler.c: distances are exponential, estimates unbiased, their errors as stated, and what auto does. */
#include "tests/unit/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/core/fmath.h"
#include "agent/core/sampler.h"
#include "agent/core/sites.h"
#include "agent/core/sys.h"
#include "agent/core/thread.h"
#include "tests/support/core-harness.h"

static void assert_close(double value, double expected, double relative)
{
	if (fabs(value - expected) > relative * fabs(expected))
		fail_msg("%.17g is not %.17g", value, expected);
}

static void test_logarithm_and_exponential_are_those_of_libm(void **state)
{
	uint64_t random = 1;

	for (unsigned i = 0; i < 200000; i++) {
		double u = ((double)(thread_random(&random) >> 11) + 0.5) * 0x1p-53;
		double x = exp((u - 0.5) * 60);

		/* near 1 the logarithm is near 0: there the error is absolute */
		if (fabs(x - 1) > 0.1)
			assert_close(fmath_log(x), log(x), 5e-16);
		assert_true(fabs(fmath_log(u) - log(u)) < 1e-14);
		assert_close(fmath_one_minus_exp(x), -expm1(-x), 5e-16);
		assert_close(fmath_one_minus_exp(u), -expm1(-u), 5e-16);
		assert_close(fmath_one_minus_exp(u / 32), -expm1(-u / 32), 5e-16);
		assert_close(fmath_one_minus_exp(u / 2048), -expm1(-u / 2048), 5e-16);
	}
	assert_true(fmath_log(1) == 0);
	assert_true(fmath_one_minus_exp(0) == 0);
	assert_true(fmath_one_minus_exp(1e9) == 1);
}

static int compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void test_distances_are_exponential(void **state)
{
	enum { N = 40000, INTERVAL = 4096 };
	static int64_t distances[N];
	uint64_t random = 12345;
	double sum = 0, worst = 0;

	for (unsigned i = 0; i < N; i++) {
		distances[i] = sampler_draw(INTERVAL, &random);
		assert_true(distances[i] >= 0);
		sum += (double)distances[i] + 0.5;
	}
	/* the mean's standard error is INTERVAL / sqrt(N) = 0.5 % */
	assert_close(sum / N, INTERVAL, 0.02);
	/* Kolmogorov and Smirnov: 1.63 / sqrt(N) is exceeded by one seed in a hundred */
	qsort(distances, N, sizeof(distances[0]), compare);
	for (unsigned i = 0; i < N; i++)
		worst = fmax(worst, fabs(1 - exp(-((double)distances[i] + 0.5) / INTERVAL) -
					 (double)i / N));
	assert_true(worst < 1.63 / sqrt(N));
	assert_int_equal(sampler_draw(0, &random), 0);
}

/* Whether a block of that size is the next to be recorded, as an embedder decides it. */
static bool count_down(int64_t *next, uint64_t size)
{
	*next -= (int64_t)(size ? size : 1);
	return *next < 0;
}

static void test_small_and_large_blocks_are_taken_with_their_probability(void **state)
{
	static const uint64_t sizes[] = {0, 1, 8, 100, 4000, 20000};
	enum { N = 200000, INTERVAL = 1000 };
	uint64_t random = 99;

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		double p = 1 - exp(-(double)(sizes[i] ? sizes[i] : 1) / INTERVAL);
		int64_t next = sampler_draw(INTERVAL, &random);
		unsigned n = 0;

		for (unsigned j = 0; j < N; j++)
			if (count_down(&next, sizes[i])) {
				n++;
				next = sampler_draw(INTERVAL, &random);
			}
		assert_true(fabs(n - N * p) <= 4 * sqrt(N * p * (1 - p)) + 1e-9);
	}
}

struct estimate {
	double error;    /* bytes */
	double variance; /* as it is printed */
	double blocks;   /* relative to the truth */
};

/* One run over a fixed mix of blocks while the interval changes. */
static struct estimate estimate(uint64_t seed)
{
	static const uint32_t intervals[] = {0, 4096, 32768, 512, 100000};
	uint64_t random = seed, mix = 42, truth = 0, bytes = 0, blocks = 0;
	uint32_t current = intervals[0];
	int64_t next = sampler_draw(current, &random);
	struct estimate result = {0};
	enum { N = 5000 };

	for (unsigned i = 0; i < N; i++) {
		uint64_t size = thread_random(&mix) % (i % 10 ? 200 : 40000);
		struct sites_weight weight;

		truth += size;
		if (!count_down(&next, size))
			continue;
		weight = sites_weigh(size, current);
		bytes += weight.bytes;
		blocks += weight.blocks;
		result.variance += weight.variance;
		/* somebody else may have changed it meanwhile: the next distance takes the new one */
		current = intervals[i / 700 % 5];
		next = sampler_draw(current, &random);
	}
	result.error = (double)bytes - (double)truth;
	result.blocks = (double)blocks / MT_BLOCKS_ONE / N;
	return result;
}

static void test_estimates_are_unbiased_and_their_errors_right(void **state)
{
	enum { N_RUNS = 1500 };
	double sum = 0, squares = 0, variance = 0, blocks = 0;

	for (unsigned i = 0; i < N_RUNS; i++) {
		struct estimate run = estimate(1000003ull * (i + 1));

		sum += run.error;
		squares += run.error * run.error;
		variance += run.variance;
		blocks += run.blocks;
	}
	/* within three standard errors of the mean of the runs */
	assert_true(fabs(sum / N_RUNS) < 3 * sqrt(squares / N_RUNS / N_RUNS));
	/* what is printed as the error is, in the mean, what the error was */
	assert_close(variance, squares, 0.08);
	assert_close(blocks / N_RUNS, 1, 0.01);
}

static void test_weights_of_what_is_certain_are_exact(void **state)
{
	struct sites_weight weight = sites_weigh(12345, 0);

	assert_int_equal(weight.bytes, 12345);
	assert_int_equal(weight.blocks, MT_BLOCKS_ONE);
	assert_true(weight.variance == 0);
	weight = sites_weigh(1 << 30, 4096);
	assert_int_equal(weight.bytes, 1 << 30);
	assert_int_equal(weight.blocks, MT_BLOCKS_ONE);
	weight = sites_weigh(0, 4096);
	assert_int_equal(weight.bytes, 0);
	assert_close((double)weight.blocks, 4096.5 * MT_BLOCKS_ONE, 1e-3);
}

static uint64_t burn_cpu(uint64_t ns)
{
	const uint64_t began = sys_clock_process_cpu_ns();
	uint64_t now = began;

	while (now - began < ns)
		now = sys_clock_process_cpu_ns();
	return now - began;
}

enum { SAMPLE_NS = 3333 };
/* Of the CPU time, what an interval is chosen to take: 0.7 of 0.16 %. */
#define SHARE (0.7 / 625)

/* The first interval after a beginning that took 30 ms, a budget of 15 s of CPU time. */
static uint64_t begin(void)
{
	struct core_config config = harness_config();
	struct sampler_account account = {
		.samples = 9000, .allocated = 9000000, .own_ns = 9000 * SAMPLE_NS};

	config.sampling = MT_SAMPLING_AUTO;
	harness_start(&config);
	check(sampler_interval() == 0);
	burn_cpu(20000000);
	sampler_add(&account);
	check(sampler_interval() > 4 * 4096);
	return sampler_interval();
}

/* Says what a program did for whose use of the CPU alone part of the interval would do. */
static void work(uint64_t cpu_ns, uint64_t interval, double part)
{
	struct sampler_account account = {100, 0, 100 * SAMPLE_NS};

	account.allocated =
		(uint64_t)(SHARE * (double)cpu_ns / SAMPLE_NS * (double)interval * part);
	sampler_add(&account);
}

/* An eighth would do: below a quarter, which is enough where nothing is owed, above a sixteenth. */
static void body_the_beginning_is_not_paid_for_later(void)
{
	const uint64_t first = begin();

	for (int i = 0; i < 4 && sampler_interval() == first; i++)
		work(burn_cpu(70000000), first, 1.0 / 8);
	check(sampler_interval() == first / 2);
}
HARNESS_TEST(the_beginning_is_not_paid_for_later)

/* What it used of the CPU asks for the interval as it is, what it slept for less. */
static void body_who_sleeps_is_sampled_closer(void)
{
	const uint64_t first = begin();

	for (int i = 0; i < 4 && sampler_interval() == first; i++) {
		const uint64_t cpu_ns = burn_cpu(5000000);

		usleep(100000);
		work(cpu_ns, first, 0.6);
	}
	check(sampler_interval() == first / 2);
}
HARNESS_TEST(who_sleeps_is_sampled_closer)

/* How often the interval is halved while the process sleeps, and allocates so little that an eighth would do. */
static unsigned count_halvings(bool watched)
{
	const struct timespec pause = {.tv_nsec = 60000000};
	struct core_config config = harness_config();
	struct sampler_account account = {
		.samples = 9000, .allocated = 9000000, .own_ns = 60000000};
	uint32_t before;
	unsigned n = 0;

	config.sampling = MT_SAMPLING_AUTO;
	config.watched = watched;
	harness_start(&config);
	burn_cpu(20000000);
	sampler_add(&account);
	for (int i = 0; i < 4; i++) {
		before = sampler_interval();
		nanosleep(&pause, NULL);
		account = (struct sampler_account){100, 0, 100 * 6666};
		account.allocated = (uint64_t)(SHARE * 60e6 / 6666 * before / 8);
		sampler_add(&account);
		n += sampler_interval() < before;
	}
	return n;
}

static void body_time_that_passes_counts_while_somebody_looks_on(void)
{
	check(count_halvings(true) > 0);
}
HARNESS_TEST(time_that_passes_counts_while_somebody_looks_on)

static void body_time_that_passes_is_little_without_cpu_time(void)
{
	check(count_halvings(false) == 0);
}
HARNESS_TEST(time_that_passes_is_little_without_cpu_time)

/* And is not granted the patience of an exact beginning. */
static void body_it_begins_with_the_interval_it_is_given(void)
{
	struct core_config config = harness_config();
	struct sampler_account account = {
		.samples = 100, .allocated = 1000000000, .own_ns = 10000000};

	config.sampling = MT_SAMPLING_AUTO;
	config.interval = 65536;
	harness_start(&config);
	check(sampler_interval() == 65536);
	burn_cpu(20000000);
	sampler_add(&account);
	check(sampler_interval() > 65536);
}
HARNESS_TEST(it_begins_with_the_interval_it_is_given)

/* However slow the machine is; the clock of a slow one would end it much sooner. */
static void body_the_first_four_thousand_are_all_recorded(void)
{
	struct core_config config = harness_config();
	struct sampler_account account = {
		.samples = 4000, .allocated = 4000000, .own_ns = 20000000};

	config.sampling = MT_SAMPLING_AUTO;
	harness_start(&config);
	sampler_add(&account);
	check(sampler_interval() == 0);
	account = (struct sampler_account){200, 200000, 1000000};
	sampler_add(&account);
	check(sampler_interval() > 0);
}
HARNESS_TEST(the_first_four_thousand_are_all_recorded)

/* Programs allocate fastest while they start. */
static void body_the_first_interval_is_a_careful_guess(void)
{
	check(begin() <= 1 << 18);
}
HARNESS_TEST(the_first_interval_is_a_careful_guess)

static void body_who_goes_on_as_fast_is_soon_sampled_less(void)
{
	const uint64_t first = begin(), began_ns = sys_clock_coarse_ns();
	struct sampler_account account = {
		.samples = 900, .allocated = 900 * first, .own_ns = 900 * SAMPLE_NS};
	uint64_t least = 16 * first;

	burn_cpu(1000000);
	sampler_add(&account);
	/* on a machine that was held up meanwhile the first moments are over, and a step is a factor of four */
	if (sys_clock_coarse_ns() - began_ns > 50000000)
		least = 4 * first;
	check(sampler_interval() >= least);
}
HARNESS_TEST(who_goes_on_as_fast_is_soon_sampled_less)

/* In one step, where hardly anything of the interval would do. */
static void body_who_turns_quiet_is_soon_sampled_closer(void)
{
	const uint64_t first = begin();

	for (int i = 0; i < 4 && sampler_interval() == first; i++)
		work(burn_cpu(70000000), first, 1.0 / 70);
	check(sampler_interval() <= first / 8);
}
HARNESS_TEST(who_turns_quiet_is_soon_sampled_closer)

/* A process of 5,000 threads: looks take a thousandth of the time, and go on. */
static void test_expensive_looks_are_rare(void **state)
{
	assert_true(sampler_pause_ns(1000) < 60000000);
	assert_true(sampler_pause_ns(750000) >= 750000000);
	assert_true(sampler_pause_ns(50000000) <= 2000000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_logarithm_and_exponential_are_those_of_libm),
		cmocka_unit_test(test_distances_are_exponential),
		cmocka_unit_test(test_small_and_large_blocks_are_taken_with_their_probability),
		cmocka_unit_test(test_estimates_are_unbiased_and_their_errors_right),
		cmocka_unit_test(test_weights_of_what_is_certain_are_exact),
		cmocka_unit_test(test_the_beginning_is_not_paid_for_later),
		cmocka_unit_test(test_who_sleeps_is_sampled_closer),
		cmocka_unit_test(test_time_that_passes_counts_while_somebody_looks_on),
		cmocka_unit_test(test_time_that_passes_is_little_without_cpu_time),
		cmocka_unit_test(test_it_begins_with_the_interval_it_is_given),
		cmocka_unit_test(test_the_first_four_thousand_are_all_recorded),
		cmocka_unit_test(test_the_first_interval_is_a_careful_guess),
		cmocka_unit_test(test_who_goes_on_as_fast_is_soon_sampled_less),
		cmocka_unit_test(test_who_turns_quiet_is_soon_sampled_closer),
		cmocka_unit_test(test_expensive_looks_are_rare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
