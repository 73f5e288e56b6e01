/* SPDX-License-Identifier: MIT */
/* test-core-threads.c: how threads find their states, few and very many. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/core/thread.h"
#include "agent/core/writer.h"
#include "tests/support/core-harness.h"

enum {
	FIRST_PAGES = THREAD_FIRST * sizeof(struct thread_place) / 4096,
	FEW = 100,
	MANY = 1200,
	N_LOOKS = 50,
	STACK = 1 << 20, /* sanitizers need most of it */
};

static pthread_barrier_t all_have_one, all_looked;

/* What a thread was given at its first look; at all others it finds the same. */
static void *look(void *userdata)
{
	struct thread **ret = userdata;

	*ret = thread_enter();
	check(*ret && (*ret)->depth == 1);
	thread_leave(*ret);
	pthread_barrier_wait(&all_have_one);
	for (unsigned i = 0; i < N_LOOKS; i++) {
		struct thread *thread = thread_enter();

		check(thread == *ret && thread->depth == 1);
		thread_leave(thread);
	}
	pthread_barrier_wait(&all_looked);
	core_thread_ending();
	return NULL;
}

/* Runs n threads that are all there at once, each on the stack of its number. states takes what each was given. */
static void run(unsigned n, struct thread **states)
{
	static char *stacks;
	pthread_t threads[MANY];

	if (!stacks)
		stacks = mmap(NULL, (size_t)MANY * STACK, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	check(stacks != MAP_FAILED);
	pthread_barrier_init(&all_have_one, NULL, n);
	pthread_barrier_init(&all_looked, NULL, n);
	for (unsigned i = 0; i < n; i++) {
		pthread_attr_t attributes;

		pthread_attr_init(&attributes);
		check(pthread_attr_setstack(&attributes, stacks + (size_t)i * STACK, STACK) == 0);
		check(pthread_create(&threads[i], &attributes, look, &states[i]) == 0);
		pthread_attr_destroy(&attributes);
	}
	for (unsigned i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&all_have_one);
	pthread_barrier_destroy(&all_looked);
}

static int compare(const void *a, const void *b)
{
	uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;

	return (x > y) - (x < y);
}

static void check_distinct(struct thread **states, unsigned n)
{
	qsort(states, n, sizeof(*states), compare);
	for (unsigned i = 1; i < n; i++)
		check(states[i] != states[i - 1]);
}

/* Pages of the table of places that were read or written. */
static size_t touched_pages(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE),
		     n = 2ul * writer.threads_capacity * sizeof(struct thread_place) / page;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	size_t n_touched = 0;

	check(fd >= 0);
	for (size_t i = 0; i < n; i++) {
		uint64_t entry;

		check(pread(fd, &entry, sizeof(entry),
			    (off_t)(((uintptr_t)thread_table.places / page + i) * 8)) ==
		      sizeof(entry));
		n_touched += entry >> 63;
	}
	close(fd);
	return n_touched;
}

static void body_places_of_few_threads_share_pages(void)
{
	struct core_config config = harness_config();
	struct thread *states[FEW];

	harness_start(&config);
	run(FEW, states);
	check_distinct(states, FEW);
	/* theirs, and the first one of the others, which is looked at */
	check(touched_pages() <= FIRST_PAGES + 1);
}

static void body_each_of_very_many_finds_its_own(void)
{
	struct core_config config = harness_config();
	struct thread *states[MANY];

	harness_start(&config);
	for (unsigned round = 0; round < 3; round++) {
		run(MANY, states);
		check_distinct(states, MANY);
	}
	check(touched_pages() > FIRST_PAGES + 1);
}

/* Threads of the same stacks have the same thread pointers: no round takes more states than are alive at once. */
static void body_ended_threads_states_are_used_again(void)
{
	struct core_config config = harness_config();
	struct thread *states[2 * FEW];

	harness_start(&config);
	run(FEW, states);
	for (unsigned round = 0; round < 20; round++)
		run(FEW, states + FEW);
	check_distinct(states, FEW);
	check_distinct(states + FEW, FEW);
	for (unsigned i = 0; i < FEW; i++)
		check(states[FEW + i] >= states[0] && states[FEW + i] <= states[FEW - 1]);
}

HARNESS_TEST(places_of_few_threads_share_pages)
HARNESS_TEST(each_of_very_many_finds_its_own)
HARNESS_TEST(ended_threads_states_are_used_again)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places_of_few_threads_share_pages),
		cmocka_unit_test(test_each_of_very_many_finds_its_own),
		cmocka_unit_test(test_ended_threads_states_are_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
