/* SPDX-License-Identifier: MIT */
/* test-recorder.c: blocks go through the tables and come out as what they were. */
#include "tests/unit/test.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "agent/core/writer.h"
#include "tests/support/core-harness.h"

enum { N_BLOCKS = 1000, N_THREADS = 4, N_ROUNDS = 3000 };

static void *fake_block(uintptr_t i)
{
	return (void *)(0x100000 + i * 64);
}

static void body_a_block_is_seen_until_it_is_freed(void)
{
	struct core_config config = harness_config();
	struct region_snapshot snapshot;
	const struct mt_live *live;
	uint32_t tag, other;
	int64_t next = 77;

	harness_start(&config);
	tag = core_allocated(fake_block(1), 1234, &next);
	other = core_allocated(fake_block(2), 0, &next);
	check(tag != 0 && other != 0 && tag != other);
	check(next == 0);
	harness_snapshot(harness_fd, &snapshot);
	check(snapshot.n_live == 2);
	live = harness_find_live(&snapshot, (uintptr_t)fake_block(1));
	check(live && live->size == 1234 && live->interval == 0 && live->flags == 0);
	check(snapshot.sites[live->site].n_frames > 0);
	check(snapshot.sites[live->site].kind == MT_SITE_MALLOC);
	check(snapshot.threads[live->thread].tid == (uint32_t)gettid());
	check(harness_sum_sites(&snapshot, MT_SITE_MALLOC).alloc_bytes == 1234);
	check(harness_sum_sites(&snapshot, MT_SITE_MALLOC).alloc_blocks == 2 * MT_BLOCKS_ONE);
	region_snapshot_deinit(&snapshot);

	core_freed(fake_block(1), tag);
	core_freed(fake_block(1), tag); /* a program's own bug */
	core_freed(fake_block(2), 77777);
	harness_snapshot(harness_fd, &snapshot);
	check(snapshot.n_live == 1);
	check(harness_sum_sites(&snapshot, MT_SITE_MALLOC).freed_bytes == 1234);
	check(harness_sum_sites(&snapshot, MT_SITE_MALLOC).freed_samples == 1);
	check(snapshot.header.lost_frees == 2);
	check(snapshot.header.flags & MT_HEADER_INEXACT);
	region_snapshot_deinit(&snapshot);
}

static void body_the_end_has_exact_counters(void)
{
	struct core_config config = harness_config();
	struct region_snapshot snapshot;
	uint32_t tags[N_BLOCKS];
	int64_t next;

	harness_start(&config);
	for (unsigned i = 0; i < N_BLOCKS; i++)
		tags[i] = core_allocated(fake_block(i), 100, &next);
	for (unsigned i = 0; i < N_BLOCKS / 2; i++)
		core_freed(fake_block(i), tags[i]);
	core_set_state(MT_STATE_EXITED);
	harness_snapshot(harness_fd, &snapshot);
	check(snapshot.header.state == MT_STATE_EXITED);
	check(snapshot.header.end_ns >= snapshot.header.start_ns);
	check(snapshot.header.samples == N_BLOCKS);
	check(snapshot.header.samples_freed == N_BLOCKS / 2);
	check(snapshot.header.live_bytes == 100 * N_BLOCKS / 2);
	check(snapshot.header.peak_live_bytes >= 100 * N_BLOCKS * 99 / 100);
	check(snapshot.header.peak_live_bytes <= 100 * N_BLOCKS);
	check(!(snapshot.header.flags & MT_HEADER_INEXACT));
	check(snapshot.n_live == N_BLOCKS / 2);
	check(snapshot.header.own_bytes > 0);
	region_snapshot_deinit(&snapshot);
}

static void *churn(void *arg)
{
	uintptr_t base = (uintptr_t)arg * 1000000;
	uint32_t tags[64] = {0};
	int64_t next;

	for (unsigned i = 0; i < N_ROUNDS; i++) {
		unsigned at = i * 7 % 64;

		if (tags[at])
			core_freed(fake_block(base + at), tags[at]);
		tags[at] = core_allocated(fake_block(base + at), 16 + at, &next);
	}
	for (unsigned i = 1; i < 64; i++)
		core_freed(fake_block(base + i), tags[i]);
	core_thread_ending();
	return NULL;
}

static void body_threads_do_not_lose_each_others_blocks(void)
{
	struct core_config config = harness_config();
	struct region_snapshot snapshot;
	pthread_t threads[N_THREADS];
	struct mt_site sum;
	uint32_t n_ended = 0;

	harness_start(&config);
	for (uintptr_t i = 0; i < N_THREADS; i++)
		pthread_create(&threads[i], NULL, churn, (void *)(i + 1));
	for (unsigned i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	harness_snapshot(harness_fd, &snapshot);
	check(snapshot.n_live == N_THREADS);
	for (unsigned i = 0; i < N_THREADS; i++)
		check(snapshot.live[i].size == 16);
	sum = harness_sum_sites(&snapshot, MT_SITE_MALLOC);
	check(sum.alloc_samples == N_THREADS * N_ROUNDS);
	check(sum.freed_samples == N_THREADS * (N_ROUNDS - 1));
	check(sum.alloc_bytes - sum.freed_bytes == N_THREADS * 16);
	check(snapshot.header.samples == N_THREADS * N_ROUNDS);
	check(snapshot.header.live_bytes == N_THREADS * 16);
	check(snapshot.header.lost_allocations == 0 && snapshot.header.lost_frees == 0);
	for (uint32_t i = 1; i < snapshot.n_threads; i++)
		n_ended += snapshot.threads[i].tid && snapshot.threads[i].end_ns;
	check(n_ended == N_THREADS);
	region_snapshot_deinit(&snapshot);
}

static void *named(void *arg)
{
	int64_t next;

	prctl(PR_SET_NAME, arg);
	core_allocated(fake_block((uintptr_t)arg & 0xffff), 10, &next);
	prctl(PR_SET_NAME, "renamed");
	core_thread_ending();
	core_allocated(fake_block(9), 10, &next); /* a destructor that comes later */
	return NULL;
}

static void body_threads_are_known_by_name_and_lifetime(void)
{
	struct core_config config = harness_config();
	struct region_snapshot snapshot;
	const struct mt_live *live;
	bool started = false, ended = false;
	pthread_t thread;
	int64_t next;

	harness_start(&config);
	prctl(PR_SET_NAME, "first");
	core_allocated(fake_block(8), 10, &next);
	pthread_create(&thread, NULL, named, (void *)(uintptr_t) "worker");
	pthread_join(thread, NULL);
	harness_snapshot(harness_fd, &snapshot);
	live = harness_find_live(&snapshot, (uintptr_t)fake_block(8));
	check(live && strcmp(snapshot.threads[live->thread].name, "first") == 0);
	check(snapshot.threads[live->thread].end_ns == 0);
	live = harness_find_live(&snapshot, (uintptr_t)fake_block(9));
	check(live && strcmp(snapshot.threads[live->thread].name, "renamed") == 0);
	check(snapshot.threads[live->thread].end_ns > 0);
	check(snapshot.n_threads == 3);
	for (uint32_t i = 0; i < snapshot.n_events; i++) {
		const struct mt_event *event = &snapshot.events[i];

		started |= event->type == MT_EVENT_THREAD_START && event->thread == live->thread;
		ended |= event->type == MT_EVENT_THREAD_END && event->thread == live->thread;
	}
	check(started && ended);
	region_snapshot_deinit(&snapshot);
}

static volatile sig_atomic_t n_handled;

static void on_signal(int signal)
{
	uint32_t tag;
	int64_t next;

	tag = core_allocated(fake_block(500000 + (uintptr_t)n_handled), 1, &next);
	if (n_handled % 2)
		core_freed(fake_block(500000 + (uintptr_t)n_handled), tag);
	n_handled++;
}

static void body_handlers_may_allocate_in_the_middle(void)
{
	struct core_config config = harness_config();
	struct itimerval timer = {{0, 100}, {0, 100}};
	struct region_snapshot snapshot;
	unsigned n_kept = 0;
	int64_t next;

	harness_start(&config);
	signal(SIGALRM, on_signal);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (unsigned i = 0; i < 200000 && n_handled < 200; i++) {
		uint32_t tag = core_allocated(fake_block(i), 32, &next);

		if (i % 100)
			core_freed(fake_block(i), tag);
		else
			n_kept++;
	}
	signal(SIGALRM, SIG_IGN);
	core_set_state(MT_STATE_EXITED);
	harness_snapshot(harness_fd, &snapshot);
	check(snapshot.header.lost_allocations == 0 && snapshot.header.lost_frees == 0);
	check(snapshot.n_live == n_kept + (unsigned)(n_handled + 1) / 2);
	check(snapshot.header.live_bytes == n_kept * 32 + (unsigned)(n_handled + 1) / 2);
	region_snapshot_deinit(&snapshot);
}

static void body_a_full_table_is_said_and_survived(void)
{
	struct core_config config = harness_config();
	struct region_snapshot snapshot;
	uint32_t n_lost = 0;
	int64_t next = 0;

	config.max_memory = 1 << 20;
	harness_start(&config);
	for (unsigned i = 0; i < 20000; i++)
		n_lost += core_allocated(fake_block(i), 100, &next) == 0;
	harness_snapshot(harness_fd, &snapshot);
	check(n_lost > 0 && snapshot.header.lost_allocations == n_lost);
	check(snapshot.header.flags & MT_HEADER_INEXACT);
	check(snapshot.header.flags & MT_HEADER_WIDENED);
	check(snapshot.header.interval >= 65536);
	check(snapshot.n_live + n_lost == 20000);
	check(next > 0);
	region_snapshot_deinit(&snapshot);
}

static void body_addresses_serve_where_there_are_no_tags(void)
{
	struct core_config config = harness_config();
	struct region_snapshot snapshot;
	int64_t next;

	config.tags = false;
	check(!core_is_recorded(fake_block(1)));
	harness_start(&config);
	for (unsigned i = 0; i < 20000; i++)
		core_allocated(fake_block(i), 100, &next);
	for (unsigned i = 0; i < 20000; i++) {
		check(core_is_recorded(fake_block(i)));
		check(!core_is_recorded((char *)fake_block(i) + 16));
		if (i % 2)
			core_freed_address(fake_block(i));
		check(core_is_recorded(fake_block(i)) == !(i % 2));
	}
	core_allocated(fake_block(0), 50, &next); /* a free that was not seen */
	harness_snapshot(harness_fd, &snapshot);
	check(snapshot.n_live == 10000);
	check(snapshot.header.lost_frees == 1);
	check(harness_find_live(&snapshot, (uintptr_t)fake_block(0))->size == 50);
	region_snapshot_deinit(&snapshot);
}

static void body_a_tool_can_stop_it(void)
{
	struct core_config config = harness_config();
	struct region_snapshot snapshot;
	int64_t next;

	harness_start(&config);
	check(core_allocated(fake_block(1), 100, &next) != 0);
	writer.header->control_stop = 1;
	core_allocated(fake_block(2), 100, &next);
	check(core_allocated(fake_block(3), 100, &next) == 0);
	check(next == INT64_MAX);
	harness_snapshot(harness_fd, &snapshot);
	check(snapshot.header.state == MT_STATE_DETACHED);
	check(snapshot.n_live == 1);
	region_snapshot_deinit(&snapshot);
}

enum { N_CROWD = 400 };

static pthread_barrier_t crowd;

static void *one_of_many(void *arg)
{
	int64_t next;

	core_allocated(fake_block((uintptr_t)arg), 10, &next);
	pthread_barrier_wait(&crowd);
	core_thread_ending();
	return NULL;
}

static void body_more_threads_than_there_is_room_for_are_survived(void)
{
	struct core_config config = harness_config();
	struct region_snapshot snapshot;
	pthread_t threads[N_CROWD];
	pthread_attr_t attr;

	config.max_memory = 1 << 20;
	harness_start(&config);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	pthread_barrier_init(&crowd, NULL, N_CROWD);
	check(writer.threads_capacity < N_CROWD);
	for (unsigned round = 0; round < 3; round++) {
		for (uintptr_t i = 0; i < N_CROWD; i++)
			check(pthread_create(&threads[i], &attr, one_of_many,
					     (void *)(round * N_CROWD + i)) == 0);
		for (unsigned i = 0; i < N_CROWD; i++)
			pthread_join(threads[i], NULL);
	}
	harness_snapshot(harness_fd, &snapshot);
	check(snapshot.n_live + snapshot.header.lost_allocations == 3 * N_CROWD);
	/* entries of ended threads were used again */
	check(snapshot.n_live > 2 * writer.threads_capacity);
	check(snapshot.n_threads <= writer.threads_capacity);
	region_snapshot_deinit(&snapshot);
}

static void *one_that_is_not_sampled(void *arg)
{
	check(core_first_distance() > 10);
	core_thread_ending();
	return NULL;
}

static void body_threads_of_which_nothing_is_recorded_leave_no_entry(void)
{
	struct core_config config = harness_config();
	struct region_snapshot snapshot;
	pthread_t thread;

	config.sampling = MT_SAMPLING_INTERVAL;
	config.interval = 1u << 30;
	harness_start(&config);
	for (unsigned i = 0; i < 100; i++) {
		check(pthread_create(&thread, NULL, one_that_is_not_sampled, NULL) == 0);
		pthread_join(thread, NULL);
	}
	harness_snapshot(harness_fd, &snapshot);
	check(snapshot.n_live == 0);
	/* nobody's, and one or two that were used again */
	check(snapshot.n_threads <= 4);
	check(snapshot.threads[snapshot.n_threads - 1].generation > 20);
	region_snapshot_deinit(&snapshot);
}

static void *one_that_comes_and_goes(void *arg)
{
	int64_t next;

	core_allocated(fake_block((uintptr_t)arg), 10, &next);
	core_thread_ending();
	return NULL;
}

/* 256 of the ended are kept, whatever there is room for. */
static void body_threads_that_come_and_go_do_not_fill_the_table(void)
{
	struct core_config config = harness_config();
	struct region_snapshot snapshot;
	unsigned n_last = 0;
	pthread_t thread;

	harness_start(&config);
	check(writer.threads_capacity > 1000);
	for (uintptr_t i = 0; i < 1000; i++) {
		check(pthread_create(&thread, NULL, one_that_comes_and_goes, (void *)i) == 0);
		pthread_join(thread, NULL);
	}
	harness_snapshot(harness_fd, &snapshot);
	check(snapshot.n_live == 1000);
	check(snapshot.n_threads >= 256 && snapshot.n_threads <= 260);
	/* the oldest went first: each entry was used three or four times */
	for (uint32_t i = 1; i < snapshot.n_threads; i++)
		n_last += snapshot.threads[i].generation >= 2;
	check(n_last >= 250);
	region_snapshot_deinit(&snapshot);
}

HARNESS_TEST(a_block_is_seen_until_it_is_freed)
HARNESS_TEST(the_end_has_exact_counters)
HARNESS_TEST(threads_do_not_lose_each_others_blocks)
HARNESS_TEST(threads_are_known_by_name_and_lifetime)
HARNESS_TEST(handlers_may_allocate_in_the_middle)
HARNESS_TEST(a_full_table_is_said_and_survived)
HARNESS_TEST(addresses_serve_where_there_are_no_tags)
HARNESS_TEST(a_tool_can_stop_it)
HARNESS_TEST(more_threads_than_there_is_room_for_are_survived)
HARNESS_TEST(threads_of_which_nothing_is_recorded_leave_no_entry)
HARNESS_TEST(threads_that_come_and_go_do_not_fill_the_table)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_block_is_seen_until_it_is_freed),
		cmocka_unit_test(test_the_end_has_exact_counters),
		cmocka_unit_test(test_threads_do_not_lose_each_others_blocks),
		cmocka_unit_test(test_threads_are_known_by_name_and_lifetime),
		cmocka_unit_test(test_handlers_may_allocate_in_the_middle),
		cmocka_unit_test(test_a_full_table_is_said_and_survived),
		cmocka_unit_test(test_addresses_serve_where_there_are_no_tags),
		cmocka_unit_test(test_a_tool_can_stop_it),
		cmocka_unit_test(test_more_threads_than_there_is_room_for_are_survived),
		cmocka_unit_test(test_threads_of_which_nothing_is_recorded_leave_no_entry),
		cmocka_unit_test(test_threads_that_come_and_go_do_not_fill_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
