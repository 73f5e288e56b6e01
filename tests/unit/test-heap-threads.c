/* SPDX-License-Identifier: MIT */
/*
 * test-heap-threads.c: the heap with many threads: blocks that others free, threads that end, and forks
 * at any moment.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heap/heap.h"
#include "heap/published.h"
#include "test.h"

#define N_THREADS 4u
#define N_ROUNDS  30000u
#define N_BOXES   512u

static _Atomic(uint64_t *) boxes[N_BOXES];
static atomic_bool stop;

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Every word of a block holds its size and place, which whoever takes it out looks at. */
static uint64_t *make(uint64_t *seed)
{
	uint64_t r = next(seed);
	size_t n = 2 + (r % 64 ? (r >> 8) % 40 : (r >> 8) % 9000);
	uint64_t *block = heap_alloc(n * sizeof(*block));

	if (!block)
		return NULL;
	for (size_t i = 0; i < n; i++)
		block[i] = n + i;
	return block;
}

static bool is_whole(const uint64_t *block)
{
	const uint64_t n = block[0];

	for (uint64_t i = 0; i < n; i++)
		if (block[i] != n + i)
			return false;
	return true;
}

static void *swap_blocks(void *arg)
{
	uint64_t seed = (uintptr_t)arg * 7919 + 1;
	bool ok = true;

	for (unsigned i = 0; i < N_ROUNDS && ok; i++) {
		uint64_t *block = make(&seed);
		uint64_t *old = atomic_exchange(&boxes[next(&seed) % N_BOXES], block);

		ok = block && (!old || is_whole(old));
		heap_free(old);
	}
	heap_thread_end();
	return ok ? NULL : arg;
}

static void empty_boxes(void)
{
	for (unsigned i = 0; i < N_BOXES; i++)
		heap_free(atomic_exchange(&boxes[i], NULL));
}

static void blocks_may_be_freed_by_other_threads(void **state)
{
	struct heap_stats before, after;
	pthread_t threads[N_THREADS];

	heap_free(heap_alloc(1));
	heap_get_stats(&before);
	for (uintptr_t i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, swap_blocks, (void *)(i + 1)),
				 0);
	for (unsigned i = 0; i < N_THREADS; i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	empty_boxes();
	heap_get_stats(&after);
	assert_int_equal(after.in_use_bytes, before.in_use_bytes);
}

static unsigned n_caches(void)
{
	const struct heap_root *root = heap_root();
	unsigned n = 0;

	for (struct threadcache *cache = (struct threadcache *)root->caches; cache;
	     cache = cache->next)
		n++;
	return n;
}

static void *allocate_and_end(void *arg)
{
	for (unsigned i = 0; i < 100; i++)
		heap_free(heap_alloc(64));
	heap_thread_end();
	/* destructors that run later may still allocate */
	heap_free(heap_alloc(64));
	heap_thread_end();
	return NULL;
}

static void a_threads_cache_serves_the_next_one(void **state)
{
	struct heap_stats stats;
	const unsigned before = n_caches();

	for (unsigned i = 0; i < 50; i++) {
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, allocate_and_end, NULL), 0);
		pthread_join(thread, NULL);
	}
	assert_true(n_caches() <= before + 1);
	(void)heap_trim(0);
	heap_get_stats(&stats);
	assert_int_equal(stats.cached_bytes, 0);
}

static void *allocate_until_stopped(void *arg)
{
	uint64_t seed = (uintptr_t)arg;

	while (!atomic_load(&stop)) {
		uint64_t *old = atomic_exchange(&boxes[next(&seed) % N_BOXES], make(&seed));

		heap_free(old);
	}
	heap_thread_end();
	return NULL;
}

/* What a child does; exits with 0 if its heap works. */
static void live_as_a_child(void)
{
	uint64_t seed = 99;

	alarm(180);
	for (unsigned i = 0; i < 2000; i++) {
		uint64_t *block = make(&seed);

		if (!block || !is_whole(block))
			_exit(1);
		heap_free(atomic_exchange(&boxes[i % N_BOXES], block));
	}
	_exit(0);
}

static pid_t prepared_fork(void)
{
	pid_t pid;

	heap_before_fork();
	pid = fork();
	if (pid == 0) {
		heap_after_fork_child();
		live_as_a_child();
	}
	heap_after_fork_parent();
	return pid;
}

static pid_t raw_fork(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0) {
		/* blocks of the parent's may be halfway written there */
		memset((void *)boxes, 0, sizeof(boxes));
		live_as_a_child();
	}
	return pid;
}

/* Sizes that mostly come from the page heap. */
static size_t large_or_small(uint64_t *seed)
{
	const uint64_t r = next(seed);

	return r % 4 ? 40000 + (r >> 8) % 300000 : 64 + (r >> 8) % 2000;
}

static void swap_pages(void **blocks, unsigned n, uint64_t *seed)
{
	void **place = &blocks[next(seed) % n];

	heap_free(*place);
	*place = heap_alloc(large_or_small(seed));
	if (!*place)
		abort();
	memset(*place, 1, 64);
}

static void *swap_pages_until_stopped(void *arg)
{
	uint64_t seed = (uintptr_t)arg;
	void *blocks[16] = {NULL};

	while (!atomic_load(&stop))
		swap_pages(blocks, 16, &seed);
	for (unsigned i = 0; i < 16; i++)
		heap_free(blocks[i]);
	heap_thread_end();
	return NULL;
}

static pid_t raw_fork_for_pages(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	void *blocks[64] = {NULL};
	uint64_t seed = 99;

	if (pid != 0)
		return pid;
	alarm(180);
	for (unsigned i = 0; i < 60; i++)
		swap_pages(blocks, 64, &seed);
	_exit(0);
}

static void fork_often(pid_t (*how)(void), void *(*meanwhile)(void *), unsigned n)
{
	pthread_t threads[N_THREADS];

	atomic_store(&stop, false);
	for (uintptr_t i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, meanwhile, (void *)(i + 1)), 0);
	for (unsigned i = 0; i < n; i++) {
		int status;
		pid_t pid = how();

		assert_true(pid > 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	empty_boxes();
}

static pthread_barrier_t both;

/* Has a cache for as long as the other one measures. */
static void *be_there(void *arg)
{
	heap_free(heap_alloc(16));
	pthread_barrier_wait(&both);
	pthread_barrier_wait(&both);
	return NULL;
}

static void beside_others_a_thread_keeps_half_of_a_class_at_most(void **state)
{
	enum { N = 1500, SIZE = 500 };
	static void *blocks[N];
	struct heap_stats stats;
	pthread_t thread;

	heap_trim(0);
	pthread_barrier_init(&both, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, be_there, NULL), 0);
	pthread_barrier_wait(&both);
	for (unsigned i = 0; i < N; i++)
		assert_non_null(blocks[i] = heap_alloc(SIZE));
	for (unsigned i = 0; i < N; i++)
		heap_free(blocks[i]);
	heap_get_stats(&stats);
	pthread_barrier_wait(&both);
	pthread_join(thread, NULL);
	/* alone it would have up to 512 KiB */
	assert_true(stats.cached_bytes < N / 2 * 512 + 65536);
}

static void figures_can_be_asked_for_while_threads_allocate(void **state)
{
	pthread_t threads[N_THREADS];
	struct heap_stats stats;

	atomic_store(&stop, false);
	for (uintptr_t i = 0; i < N_THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL,
				       i % 2 ? swap_pages_until_stopped : allocate_until_stopped,
				       (void *)(i + 1)),
			0);
	for (unsigned i = 0; i < 300; i++) {
		heap_get_stats(&stats);
		assert_true(stats.in_use_bytes <= stats.mapped_bytes);
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	empty_boxes();
}

static void children_can_allocate_while_threads_do(void **state)
{
	fork_often(prepared_fork, allocate_until_stopped, 40);
}

static void children_of_a_raw_clone_do_not_hang(void **state)
{
#ifdef __SANITIZE_THREAD__
	skip(); /* the sanitizer itself does not survive it */
#endif
	fork_often(raw_fork, allocate_until_stopped, 40);
}

static void children_of_a_raw_clone_find_pages(void **state)
{
#ifdef __SANITIZE_THREAD__
	skip();
#endif
	fork_often(raw_fork_for_pages, swap_pages_until_stopped, 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_may_be_freed_by_other_threads),
		cmocka_unit_test(a_threads_cache_serves_the_next_one),
		cmocka_unit_test(beside_others_a_thread_keeps_half_of_a_class_at_most),
		cmocka_unit_test(figures_can_be_asked_for_while_threads_allocate),
		cmocka_unit_test(children_can_allocate_while_threads_do),
		cmocka_unit_test(children_of_a_raw_clone_do_not_hang),
		cmocka_unit_test(children_of_a_raw_clone_find_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
