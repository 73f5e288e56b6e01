/* SPDX-License-Identifier: MIT */
/* test-sites.c: a stack is one site, whoever comes with it. */
#include "tests/unit/test.h"

#include <pthread.h>
#include <string.h>

#include "agent/core/sites.h"
#include "agent/core/tally.h"
#include "agent/core/writer.h"
#include "tests/support/core-harness.h"

enum { N_STACKS = 3000, N_THREADS = 4 };

static uint32_t get(struct thread *thread, unsigned stack, enum mt_site_kind kind, unsigned flags)
{
	uint64_t frames[THREAD_FRAMES];
	unsigned n = 1 + stack % 40;

	for (unsigned i = 0; i < n; i++)
		frames[i] = (uint64_t)stack * 1000 + i * i;
	return sites_get(thread, kind, flags, frames, n, 1);
}

static void body_a_stack_is_found_again(void)
{
	struct core_config config = harness_config();
	uint32_t sites[N_STACKS];
	struct thread *thread;

	harness_start(&config);
	thread = thread_enter();
	for (unsigned i = 0; i < N_STACKS; i++) {
		sites[i] = get(thread, i, MT_SITE_MALLOC, 0);
		check(sites[i] != 0);
		check(i == 0 || sites[i] != sites[i - 1]);
	}
	for (unsigned i = 0; i < N_STACKS; i++) {
		const struct mt_site *site = &writer.sites[sites[i]];

		check(get(thread, i, MT_SITE_MALLOC, MT_STACK_TRUNCATED) == sites[i]);
		check(site->n_frames == 1 + i % 40);
		for (unsigned j = 0; j < site->n_frames; j++)
			check(writer.stacks[site->stack + j] == (uint64_t)i * 1000 + j * j);
	}
	check(sites_n_used() == N_STACKS + 1);
	check(get(thread, 5, MT_SITE_MMAP, 0) != sites[5]);
	check(get(thread, 5, MT_SITE_MMAP, MT_STACK_BACKING) != get(thread, 5, MT_SITE_MMAP, 0));
	thread_leave(thread);
}

static uint32_t found[N_THREADS][N_STACKS];
static pthread_barrier_t barrier;

static void *get_all(void *arg)
{
	struct thread *thread = thread_enter();
	uint32_t *to = found[(uintptr_t)arg];

	for (unsigned i = 0; i < N_STACKS; i++) {
		struct sites_weight weight = {.bytes = 3, .blocks = 5, .variance = 0.5};

		if (i % 500 == 0)
			pthread_barrier_wait(&barrier);
		to[i] = get(thread, i, MT_SITE_MALLOC, 0);
		sites_add_allocated(to[i], &weight);
	}
	thread_leave(thread);
	return NULL;
}

static void body_threads_that_race_agree(void)
{
	struct core_config config = harness_config();
	pthread_t threads[N_THREADS];
	uint32_t n_visible = 0;

	harness_start(&config);
	pthread_barrier_init(&barrier, NULL, N_THREADS);
	for (uintptr_t i = 0; i < N_THREADS; i++)
		pthread_create(&threads[i], NULL, get_all, (void *)i);
	for (unsigned i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 1; i < N_THREADS; i++)
		check(memcmp(found[0], found[i], sizeof(found[0])) == 0);
	for (unsigned i = 0; i < N_STACKS; i++) {
		const struct mt_site *site = &writer.sites[found[0][i]];
		double variance;

		memcpy(&variance, &site->alloc_variance, sizeof(variance));
		check(site->alloc_bytes == N_THREADS * 3 && site->alloc_blocks == N_THREADS * 5);
		check(site->alloc_samples == N_THREADS && variance == N_THREADS * 0.5);
	}
	/* what lost a race is hidden again, or was used for the next new stack */
	for (uint32_t i = 1; i < sites_n_used(); i++)
		n_visible += writer.sites[i].n_frames > 0;
	check(n_visible == N_STACKS);
}

static void body_a_full_table_gives_no_site(void)
{
	struct core_config config = harness_config();
	struct thread *thread;
	uint32_t last = 1;
	unsigned i;

	config.max_memory = 1 << 20;
	harness_start(&config);
	thread = thread_enter();
	for (i = 0; last != 0; i++)
		last = get(thread, i, MT_SITE_MALLOC, 0);
	check(i > 100);
	check(sites_n_used() <= writer.sites_capacity);
	check(sites_n_frames_used() <= writer.stacks_capacity);
	check(get(thread, 0, MT_SITE_MALLOC, 0) != 0); /* known ones are still found */
	thread_leave(thread);
}

static void *count_as_another(void *arg)
{
	const uint32_t site = *(uint32_t *)arg;
	struct thread *thread = thread_enter();

	check(!sites_is_own(thread, site));
	sites_add_exact(site, 7, 1);
	thread_leave(thread);
	return NULL;
}

static void body_the_owner_counts_apart(void)
{
	struct core_config config = harness_config();
	const struct mt_site *entry;
	struct thread *thread;
	pthread_t other;
	uint32_t site;

	harness_start(&config);
	thread = thread_enter();
	site = get(thread, 1, MT_SITE_MALLOC, 0);
	entry = &writer.sites[site];
	check(sites_is_own(thread, site));
	sites_add_own(site, 100);
	pthread_create(&other, NULL, count_as_another, &site);
	pthread_join(other, NULL);
	check(entry->own_bytes == 100 && entry->own_blocks == 1);
	check(entry->alloc_bytes == 7 && entry->alloc_blocks == MT_BLOCKS_ONE);
	/* a handler is not the owner, though it runs on its thread */
	check(thread_enter() == thread);
	check(!sites_is_own(thread, site));
	thread_leave(thread);
	sites_settle_own(site);
	check(entry->own_blocks == 1);
	writer.sites[site].own_blocks = 1 << 30;
	sites_settle_own(site);
	check(entry->own_bytes == 0 && entry->own_blocks == 0 && entry->alloc_bytes == 107);
	check(entry->alloc_blocks == ((1ull << 30) + 1) * MT_BLOCKS_ONE);
	thread_leave(thread);
}

enum { N_SHARING = 4, N_SHARED = 500, SHARED_SIZE = 24 };

static pthread_barrier_t counted;

static void *count_and_wait(void *arg)
{
	const uint32_t site = *(uint32_t *)arg;
	struct thread *thread = thread_enter();

	for (unsigned i = 0; i < N_SHARED; i++) {
		thread->n_events++;
		tally_allocated(thread, site, SHARED_SIZE, 0, 0);
	}
	thread_leave(thread);
	pthread_barrier_wait(&counted);
	pthread_barrier_wait(&counted);
	core_thread_ending();
	return NULL;
}

static uint64_t count_in_entries(void)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < writer.header->n_threads; i++)
		for (unsigned k = 0; k < MT_TALLIES; k++)
			n += writer.threads[i].tallies[k].blocks;
	return n;
}

static void check_shared(uint32_t site)
{
	struct region_snapshot snapshot;

	harness_snapshot(harness_fd, &snapshot);
	check(snapshot.sites[site].alloc_bytes == N_SHARING * N_SHARED * SHARED_SIZE);
	check(snapshot.sites[site].alloc_blocks == N_SHARING * N_SHARED * MT_BLOCKS_ONE);
	region_snapshot_deinit(&snapshot);
}

/* Readers see it while they wait, and when they are gone. */
static void body_threads_that_share_a_site_do_not_meet_there(void)
{
	struct core_config config = harness_config();
	pthread_t threads[N_SHARING];
	uint64_t alone;
	uint32_t site;

	harness_start(&config);
	site = get(thread_enter(), 1, MT_SITE_MALLOC, 0);
	pthread_barrier_init(&counted, NULL, N_SHARING + 1);
	for (unsigned i = 0; i < N_SHARING; i++)
		pthread_create(&threads[i], NULL, count_and_wait, &site);
	pthread_barrier_wait(&counted);
	/* all but the first events of each, which are added at once */
	alone = writer.sites[site].alloc_blocks / MT_BLOCKS_ONE;
	check(alone <= N_SHARING * 100);
	check(count_in_entries() == N_SHARING * N_SHARED - alone);
	check_shared(site);
	pthread_barrier_wait(&counted);
	for (unsigned i = 0; i < N_SHARING; i++)
		pthread_join(threads[i], NULL);
	check(count_in_entries() == 0);
	check_shared(site);
}

HARNESS_TEST(a_stack_is_found_again)
HARNESS_TEST(threads_that_share_a_site_do_not_meet_there)
HARNESS_TEST(the_owner_counts_apart)
HARNESS_TEST(threads_that_race_agree)
HARNESS_TEST(a_full_table_gives_no_site)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_stack_is_found_again),
		cmocka_unit_test(test_the_owner_counts_apart),
		cmocka_unit_test(test_threads_that_share_a_site_do_not_meet_there),
		cmocka_unit_test(test_threads_that_race_agree),
		cmocka_unit_test(test_a_full_table_gives_no_site),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
