/* SPDX-License-Identifier: MIT */
/*
 * test-heap-own-spans.c: where every block is reported, threads take blocks from different spans, and from those of
 * others only when much there is free.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "heap/heap.h"
#include "test.h"

enum { N_BLOCKS = 100, N_ROUNDS = 20000, N_THREADS = 2, SIZE = 496, PAGE = 4096 };

static uint32_t report_the_next_too(void *block, size_t size, int64_t *ret_next)
{
	*ret_next = 0;
	return 1;
}

static void forget(void *block, uint32_t tag)
{
}

static const struct heap_hooks for_a_while = {.allocated = report_the_next_too, .freed = forget};
static const struct heap_hooks for_good = {
	.allocated = report_the_next_too, .freed = forget, .reports_all = true};

struct worker {
	sem_t turn;
	struct worker *other;
	uint64_t random;
	void *blocks[N_BLOCKS];
};

static unsigned draw(struct worker *worker, unsigned below)
{
	worker->random = worker->random * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(worker->random >> 33) % below;
}

/* They take turns, so that what each of them gets is the same in every run. */
static void *replace_blocks(void *worker_)
{
	struct worker *worker = worker_;

	for (unsigned i = 0; i < N_BLOCKS + N_ROUNDS; i++) {
		void **place = &worker->blocks[i < N_BLOCKS ? i : draw(worker, N_BLOCKS)];

		sem_wait(&worker->turn);
		/* several at once now and then: what a list cannot hold goes to the others */
		if (i >= N_BLOCKS && i % 100 < 50) {
			heap_free(*place);
			*place = NULL;
		} else if (!*place) {
			*place = heap_alloc(SIZE);
		}
		sem_post(&worker->other->turn);
	}
	heap_thread_end();
	return NULL;
}

static void run(struct worker *workers)
{
	pthread_t threads[N_THREADS];

	for (unsigned i = 0; i < N_THREADS; i++) {
		workers[i] = (struct worker){.other = &workers[1 - i], .random = i + 1};
		assert_int_equal(sem_init(&workers[i].turn, 0, i == 0), 0);
	}
	for (unsigned i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, replace_blocks, &workers[i]), 0);
	for (unsigned i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
}

static bool has_in_page(const struct worker *worker, uintptr_t page)
{
	for (unsigned i = 0; i < N_BLOCKS; i++)
		if (worker->blocks[i] && (uintptr_t)worker->blocks[i] / PAGE == page)
			return true;
	return false;
}

/* Of one worker's blocks, those in pages where the other one has some, too. */
static unsigned count_mixed(const struct worker *workers)
{
	unsigned n = 0;

	for (unsigned i = 0; i < N_BLOCKS; i++)
		n += workers[0].blocks[i] &&
		     has_in_page(&workers[1], (uintptr_t)workers[0].blocks[i] / PAGE);
	return n;
}

static void free_all(struct worker *workers)
{
	for (unsigned i = 0; i < N_THREADS; i++)
		for (unsigned k = 0; k < N_BLOCKS; k++)
			heap_free(workers[i].blocks[k]);
}

static void threads_have_spans_of_their_own(void **state)
{
	static struct worker workers[N_THREADS];
	unsigned n_mixed;

	heap_set_hooks(&for_a_while);
	run(workers);
	n_mixed = count_mixed(workers);
	assert_true(n_mixed > N_BLOCKS / 4);
	free_all(workers);
	heap_set_hooks(&for_good);
	run(workers);
	assert_true(count_mixed(workers) < n_mixed / 4);
	free_all(workers);
	heap_set_hooks(NULL);
}

static void *leave_a_tenth(void *blocks_)
{
	void **blocks = blocks_;

	for (unsigned i = 0; i < N_BLOCKS; i++)
		blocks[i] = heap_alloc(SIZE);
	for (unsigned i = 0; i < N_BLOCKS; i++)
		if (i % 10) {
			heap_free(blocks[i]);
			blocks[i] = NULL;
		}
	heap_thread_end();
	return NULL;
}

static size_t small_bytes(void)
{
	struct heap_stats stats;

	heap_get_stats(&stats);
	return stats.in_use_bytes + stats.cached_bytes;
}

static void what_others_left_is_used(void **state)
{
	static void *theirs[N_BLOCKS], *ours[N_BLOCKS / 2];
	pthread_t thread;
	size_t before;

	heap_set_hooks(&for_good);
	assert_int_equal(pthread_create(&thread, NULL, leave_a_tenth, theirs), 0);
	pthread_join(thread, NULL);
	before = small_bytes();
	for (unsigned i = 0; i < N_BLOCKS / 2; i++)
		ours[i] = heap_alloc(SIZE);
	/* but for what there is not more than half of */
	assert_true(small_bytes() < before + SIZE * N_BLOCKS / 5);
	for (unsigned i = 0; i < N_BLOCKS / 2; i++)
		heap_free(ours[i]);
	for (unsigned i = 0; i < N_BLOCKS; i++)
		heap_free(theirs[i]);
	heap_set_hooks(NULL);
}

enum { N_IN_TURN = 32, N_AT_ONCE = 64, N_TURNS = 3 };

struct in_turn {
	sem_t turn, *next;
};

/* Busy for a while, and then idle, with what it keeps. */
static void *be_busy_in_turn(void *in_turn_)
{
	struct in_turn *in_turn = in_turn_;
	void *blocks[N_AT_ONCE];

	for (unsigned turn = 0; turn < N_TURNS; turn++) {
		sem_wait(&in_turn->turn);
		for (unsigned i = 0; i < 20 * N_AT_ONCE; i++) {
			void **place = &blocks[i % N_AT_ONCE];

			if (i >= N_AT_ONCE)
				heap_free(*place);
			*place = heap_alloc(SIZE);
		}
		for (unsigned i = 0; i < N_AT_ONCE; i++)
			heap_free(blocks[i]);
		sem_post(in_turn->next);
	}
	return NULL;
}

static void threads_in_turn_do_not_hold_all_they_ever_had(void **state)
{
	static struct in_turn all[N_IN_TURN];
	pthread_t threads[N_IN_TURN];
	size_t before;

	heap_set_hooks(&for_good);
	before = small_bytes();
	for (unsigned i = 0; i < N_IN_TURN; i++) {
		all[i].next = &all[(i + 1) % N_IN_TURN].turn;
		assert_int_equal(sem_init(&all[i].turn, 0, i == 0), 0);
	}
	for (unsigned i = 0; i < N_IN_TURN; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, be_busy_in_turn, &all[i]), 0);
	for (unsigned i = 0; i < N_IN_TURN; i++)
		pthread_join(threads[i], NULL);
	assert_true(small_bytes() < before + (size_t)SIZE * N_AT_ONCE * N_IN_TURN / 2);
	heap_set_hooks(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_have_spans_of_their_own),
		cmocka_unit_test(what_others_left_is_used),
		cmocka_unit_test(threads_in_turn_do_not_hold_all_they_ever_had),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
