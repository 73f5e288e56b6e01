/* SPDX-License-Identifier: MIT */
/* test-fork.c: children of every kind, and processes that die at any moment. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/core/writer.h"
#include "tests/support/core-harness.h"

enum { N_BLOCKS = 2000, N_KILLS = 40 };

static uint32_t tags[N_BLOCKS];

static void *fake_block(uintptr_t i)
{
	return (void *)(0x100000 + i * 64);
}

static void allocate(unsigned from, unsigned to, size_t size)
{
	int64_t next;

	for (unsigned i = from; i < to; i++)
		tags[i] = core_allocated(fake_block(i), size + i, &next);
}

static void release(unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		core_freed(fake_block(i), tags[i]);
}

/* The region has exactly the blocks of [from, to), of which those below inherited are so flagged. */
static void check_blocks(unsigned from, unsigned to, unsigned inherited, size_t size)
{
	struct region_snapshot snapshot;

	harness_snapshot(harness_fd, &snapshot);
	check(snapshot.header.pid == (uint32_t)getpid());
	check(snapshot.n_live == to - from);
	for (uint32_t i = 0; i < snapshot.n_live; i++) {
		const struct mt_live *live = &snapshot.live[i];
		unsigned at = (unsigned)((live->addr - 0x100000) / 64);

		check(at >= from && at < to);
		check(live->size == size + at);
		check(!!(live->flags & MT_LIVE_INHERITED) == (at < inherited));
		check(live->time_ns > 0 && live->time_ns <= snapshot.taken_ns);
		check(snapshot.sites[live->site].n_frames > 0);
	}
	region_snapshot_deinit(&snapshot);
}

static void child_goes_its_own_way(void)
{
	struct region_snapshot snapshot;
	struct mt_site sum;
	uint64_t inherited = 0;

	check(core_is_unclaimed_child());
	release(0, 500);
	check(!core_is_unclaimed_child());
	allocate(1000, 1500, 10);
	check_blocks(500, 1500, 1000, 10);
	for (unsigned i = 0; i < 1000; i++)
		inherited += 10 + i;
	core_set_state(MT_STATE_EXITED);
	harness_snapshot(harness_fd, &snapshot);
	check(snapshot.header.flags & MT_HEADER_FORKED);
	check(snapshot.header.ppid == (uint32_t)getppid());
	sum = harness_sum_sites(&snapshot, MT_SITE_MALLOC);
	check(sum.inherited_bytes == inherited);
	check(sum.inherited_blocks == 1000 * MT_BLOCKS_ONE);
	check(sum.freed_samples == 500 && sum.alloc_samples == 1500);
	check(snapshot.header.lost_frees == 0 && snapshot.header.samples_freed == 500);
	region_snapshot_deinit(&snapshot);
}

/* Forks by the given call; the parent changes everything before the child looks. */
static void check_child(pid_t (*make_child)(void))
{
	struct core_config config = harness_config();
	int ready[2];
	char byte;
	pid_t pid;

	harness_start(&config);
	allocate(0, 1000, 10);
	check(pipe(ready) == 0);
	pid = make_child();
	if (pid == 0) {
		check(read(ready[0], &byte, 1) == 1);
		child_goes_its_own_way();
		_exit(0);
	}
	release(200, 1000);
	allocate(200, 700, 77);
	check(write(ready[1], "x", 1) == 1);
	check(harness_wait(pid) == 0);
	release(0, 200);
	check_blocks(200, 700, 0, 77);
}

static pid_t by_clone(void)
{
	return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static void body_a_forked_child_has_its_view_while_the_parent_goes_on(void)
{
	check_child(fork);
}

static void body_a_raw_clone_is_seen_as_well(void)
{
	check_child(by_clone);
}

static void body_a_grandchild_inherits_from_the_child(void)
{
	struct core_config config = harness_config();
	pid_t pid;

	harness_start(&config);
	allocate(0, 100, 10);
	pid = fork();
	if (pid == 0) {
		allocate(100, 200, 10);
		release(0, 50);
		pid = fork();
		if (pid == 0) {
			release(50, 60);
			allocate(200, 210, 10);
			check_blocks(60, 210, 200, 10);
			_exit(0);
		}
		check(harness_wait(pid) == 0);
		check_blocks(50, 200, 100, 10);
		_exit(0);
	}
	check(harness_wait(pid) == 0);
	check_blocks(0, 100, 0, 10);
}

static int n_handed_over;

static int count_handover(int fd)
{
	n_handed_over++;
	harness_fd = dup(fd);
	return 0;
}

static void body_a_child_that_records_nothing_makes_nothing(void)
{
	struct core_config config = harness_config();
	pid_t pid;

	config.handover = count_handover;
	harness_start(&config);
	allocate(0, 100, 10);
	check(n_handed_over == 1);
	pid = fork();
	if (pid == 0) {
		core_set_state(MT_STATE_REPLACED);
		core_set_state(MT_STATE_EXITED);
		_exit(n_handed_over == 1 ? 0 : 1);
	}
	check(harness_wait(pid) == 0);
	check(writer.header->state == MT_STATE_RUNNING);
}

static void body_a_vfork_child_shares_the_region_but_does_not_speak_for_it(void)
{
	struct core_config config = harness_config();
	volatile int from_child = 0;
	pid_t pid;

	config.handover = count_handover;
	harness_start(&config);
	allocate(0, 100, 10);
	pid = vfork();
	if (pid == 0) {
		allocate(100, 110, 10);
		core_set_state(MT_STATE_REPLACED);
		from_child = !core_is_unclaimed_child();
		_exit(0);
	}
	check(harness_wait(pid) == 0);
	check(from_child && n_handed_over == 1);
	check(writer.header->state == MT_STATE_RUNNING && writer.header->end_ns == 0);
	check_blocks(0, 110, 0, 10);
}

static volatile bool stop_churning;

static void *churn(void *arg)
{
	uintptr_t base = 1000000 * (uintptr_t)arg;
	int64_t next;

	while (!stop_churning)
		for (unsigned i = 0; i < 50; i++)
			core_freed(fake_block(base + i),
				   core_allocated(fake_block(base + i), 5, &next));
	return NULL;
}

static void body_a_child_of_many_threads_has_the_blocks_of_the_one_that_forked(void)
{
	struct core_config config = harness_config();
	pthread_t threads[3];

	harness_start(&config);
	allocate(0, 1000, 10);
	for (uintptr_t i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, churn, (void *)(i + 1));
	for (unsigned round = 0; round < 20; round++) {
		pid_t pid = fork();

		if (pid == 0) {
			struct region_snapshot snapshot;
			unsigned n = 0;

			release(0, 500);
			allocate(1000, 1100, 10);
			harness_snapshot(harness_fd, &snapshot);
			for (uint32_t i = 0; i < snapshot.n_live; i++) {
				unsigned at = (unsigned)((snapshot.live[i].addr - 0x100000) / 64);

				if (at >= 500000)
					continue; /* another thread's, that was being allocated */
				check(at >= 500 && at < 1100);
				check(snapshot.live[i].size == 10 + at);
				n++;
			}
			check(n == 600);
			check(snapshot.n_live <= n + 6);
			_exit(0);
		}
		check(harness_wait(pid) == 0);
	}
	stop_churning = true;
	for (unsigned i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	check_blocks(0, 1000, 0, 10);
}

static void body_a_child_without_descriptors_records_nothing_and_harms_nothing(void)
{
	struct core_config config = harness_config();
	pid_t pid;

	harness_start(&config);
	allocate(0, 100, 10);
	pid = fork();
	if (pid == 0) {
		struct rlimit limit = {0, 0};
		int64_t next;

		setrlimit(RLIMIT_NOFILE, &limit);
		release(0, 50);
		check(core_allocated(fake_block(5), 10, &next) == 0);
		check(next == INT64_MAX);
		_exit(0);
	}
	check(harness_wait(pid) == 0);
	check_blocks(0, 100, 0, 10);
}

static void body_children_can_be_ignored(void)
{
	struct core_config config = harness_config();
	pid_t pid;

	config.ignore_children = true;
	config.handover = count_handover;
	harness_start(&config);
	allocate(0, 100, 10);
	pid = fork();
	if (pid == 0) {
		release(0, 50);
		allocate(100, 110, 10);
		_exit(n_handed_over == 1 ? 0 : 1);
	}
	check(harness_wait(pid) == 0);
	check_blocks(0, 100, 0, 10);
}

static void body_the_descriptor_is_sealed_and_does_not_stay(void)
{
	struct core_config config = harness_config();
	int seals, highest;

	highest = dup(0);
	close(highest);
	harness_start(&config);
	check(harness_fd == highest + 1 || harness_fd == highest);
	close(harness_fd == highest ? highest + 1 : highest);
	seals = fcntl(harness_fd, F_GET_SEALS);
	check((seals & (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE)) ==
	      (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE));
	check(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, harness_fd, 0) == MAP_FAILED);
	check(mmap(NULL, 4096, PROT_READ, MAP_SHARED, harness_fd, 0) != MAP_FAILED);
	check(fcntl(highest + (harness_fd == highest), F_GETFD) < 0);
}

static int to_parent = -1;

/* Sends the descriptor to the process that will kill this one. */
static int pass_on(int fd)
{
	return harness_send_fd(to_parent, fd);
}

static void check_killed(int fd)
{
	struct region_snapshot snapshot;
	uint64_t live[64] = {0};

	harness_snapshot(fd, &snapshot);
	check(snapshot.n_damaged_sites == 0 && snapshot.n_damaged_live == 0);
	for (uint32_t i = 0; i < snapshot.n_live; i++) {
		check(snapshot.live[i].site < ARRAY_SIZE(live));
		check(snapshot.sites[snapshot.live[i].site].n_frames > 0);
		live[snapshot.live[i].site] += snapshot.live[i].size;
	}
	for (uint32_t i = 0; i < MIN(snapshot.n_sites, ARRAY_SIZE(live)); i++)
		check(snapshot.sites[i].alloc_bytes - snapshot.sites[i].freed_bytes >= live[i]);
	region_snapshot_deinit(&snapshot);
}

static void run_until_killed(int socket)
{
	struct core_config config = harness_config();
	pthread_t thread;

	to_parent = socket;
	config.handover = pass_on;
	check(core_start(&config) == 0);
	pthread_create(&thread, NULL, churn, (void *)1);
	for (;;) {
		allocate(0, 300, 10);
		release(0, 300);
	}
}

static void body_whatever_a_killed_process_leaves_adds_up(void)
{
	srand(1);
	for (unsigned i = 0; i < N_KILLS; i++) {
		int sockets[2], fd;
		pid_t pid;

		check(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
		pid = fork();
		if (pid == 0)
			run_until_killed(sockets[1]);
		fd = harness_receive_fd(sockets[0]);
		check(fd >= 0);
		usleep((useconds_t)(rand() % 3000));
		kill(pid, SIGKILL);
		check(harness_wait(pid) == 128 + SIGKILL);
		check_killed(fd);
		close(fd);
		close(sockets[0]);
		close(sockets[1]);
	}
}

HARNESS_TEST(a_forked_child_has_its_view_while_the_parent_goes_on)
HARNESS_TEST(a_raw_clone_is_seen_as_well)
HARNESS_TEST(a_grandchild_inherits_from_the_child)
HARNESS_TEST(a_child_that_records_nothing_makes_nothing)
HARNESS_TEST(a_vfork_child_shares_the_region_but_does_not_speak_for_it)
HARNESS_TEST(a_child_of_many_threads_has_the_blocks_of_the_one_that_forked)
HARNESS_TEST(a_child_without_descriptors_records_nothing_and_harms_nothing)
HARNESS_TEST(children_can_be_ignored)
HARNESS_TEST(the_descriptor_is_sealed_and_does_not_stay)
HARNESS_TEST(whatever_a_killed_process_leaves_adds_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_forked_child_has_its_view_while_the_parent_goes_on),
		cmocka_unit_test(test_a_raw_clone_is_seen_as_well),
		cmocka_unit_test(test_a_grandchild_inherits_from_the_child),
		cmocka_unit_test(test_a_child_that_records_nothing_makes_nothing),
		cmocka_unit_test(test_a_vfork_child_shares_the_region_but_does_not_speak_for_it),
		cmocka_unit_test(
			test_a_child_of_many_threads_has_the_blocks_of_the_one_that_forked),
		cmocka_unit_test(
			test_a_child_without_descriptors_records_nothing_and_harms_nothing),
		cmocka_unit_test(test_children_can_be_ignored),
		cmocka_unit_test(test_the_descriptor_is_sealed_and_does_not_stay),
		cmocka_unit_test(test_whatever_a_killed_process_leaves_adds_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
