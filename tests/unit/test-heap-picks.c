/* SPDX-License-Identifier: MIT */
/*
 * test-heap-picks.c: blocks that a thread takes from a span as bits (heap/picks.h) are each handed out once, at any
 * moment go back whole, and nobody's but those of a thread that is alone are taken so.
 */
#include <pthread.h>

#include "heap/heap.h"
#include "heap/published.h"
#include "heap/threadcache.h"
#include "test.h"

enum { N = 6000 };

/* of 256 blocks a span, of a little more than a word's, of a word's, and of fewer */
static const size_t sizes[] = {16, 64, 208, 240, 256, 1000, 4096, 16384};
static uint64_t *blocks[2 * N];

static unsigned count_picks(const struct threadcache *cache, size_t size)
{
	const unsigned class = sizeclass_of(size);
	unsigned n = (unsigned)__builtin_popcountll(cache->bins[class].picks);

	for (unsigned i = 0; class < PICKS_WIDE && i < SPAN_BITMAP_WORDS - 1; i++)
		n += (unsigned)__builtin_popcountll(cache->picks_next[class][i]);
	return n;
}

static uint64_t in_use(void)
{
	struct heap_stats stats;

	heap_get_stats(&stats);
	return stats.in_use_bytes;
}

static void take(unsigned from, unsigned to, size_t size)
{
	for (unsigned i = from; i < to; i++) {
		blocks[i] = heap_alloc(size);
		assert_non_null(blocks[i]);
		*blocks[i] = i;
	}
}

/* One that was handed out twice was written twice. */
static void are_whole(unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		if (blocks[i])
			assert_int_equal(*blocks[i], i);
}

static void give(unsigned from, unsigned to, unsigned step)
{
	for (unsigned i = from; i < to; i += step) {
		heap_free(blocks[i]);
		blocks[i] = NULL;
	}
}

static void spans_with_holes_are_filled(void **state)
{
	for (unsigned k = 0; k < ARRAY_SIZE(sizes); k++)
		for (unsigned step = 1; step <= 5; step++) {
			const uint64_t before = in_use();

			take(0, N, sizes[k]);
			give(0, N, step);
			/* from its list a thread would get what it freed last */
			(void)heap_trim(0);
			take(N, 2 * N, sizes[k]);
			are_whole(0, 2 * N);
			give(0, 2 * N, 1);
			assert_int_equal(in_use(), before);
		}
	(void)heap_trim(0);
}

static void what_is_left_goes_back_at_any_moment(void **state)
{
	unsigned n_seen = 0;

	for (unsigned k = 0; k < ARRAY_SIZE(sizes); k++) {
		const size_t usable = sizeclass_get(sizeclass_of(sizes[k]))->size;
		const uint64_t before = in_use();
		unsigned n = 600;

		take(0, n, sizes[k]);
		for (unsigned more = 1; more < 300; more += 7) {
			take(n, n + more, sizes[k]);
			n = (n + more) % (2 * N - 300);
			n_seen += count_picks(threadcache_self, sizes[k]) != 0;
			assert_int_equal(in_use(), before + n * usable);
			(void)heap_trim(0);
			assert_int_equal(count_picks(threadcache_self, sizes[k]), 0);
			assert_int_equal(in_use(), before + n * usable);
		}
		are_whole(0, n);
		give(0, n, 1);
		assert_int_equal(in_use(), before);
	}
	assert_true(n_seen > 100);
	(void)heap_trim(0);
}

/* Of blocks that are not put into an outbox, those that were never touched go first when the list is full. */
static void a_full_list_sends_them_back(void **state)
{
	const uint64_t before = in_use();
	unsigned n = N;

	take(0, n, 2048);
	while (!count_picks(threadcache_self, 2048) && n < 2 * N) {
		take(n, n + 1, 2048);
		n++;
	}
	assert_true(n < 2 * N);
	give(0, n, 1);
	assert_int_equal(count_picks(threadcache_self, 2048), 0);
	assert_int_equal(in_use(), before);
	(void)heap_trim(0);
}

static unsigned capacity_of(size_t size)
{
	return threadcache_self->bins[sizeclass_of(size)].capacity;
}

static void swing(unsigned n, unsigned times)
{
	while (times-- > 0) {
		take(0, n, 64);
		give(0, n, 1);
	}
}

/* As many as a processor's cache has room for; of far more the first ones would be out of it again. */
static void a_list_is_as_long_as_what_is_freed_at_a_time_unless_that_is_a_flood(void **state)
{
	const uint64_t before = in_use();

	swing(N / 2, 3);
	assert_true(capacity_of(64) >= N / 2);
	swing(2 * N, 3);
	assert_true(capacity_of(64) < N / 2);
	/* what it holds after a flood goes to the next one who allocates; then it is short */
	take(0, 2 * N, 64);
	assert_true(capacity_of(64) <= 1024);
	give(0, 2 * N, 1);
	assert_true(capacity_of(64) <= 1024);
	/* and long again where no more floods come */
	swing(N / 2, 3);
	assert_true(capacity_of(64) >= N / 2);
	assert_int_equal(in_use(), before);
	(void)heap_trim(0);
}

static void *take_and_end(void *size)
{
	take(0, 100, *(size_t *)size);
	heap_thread_end();
	return NULL;
}

/* The lists may hold no more in all, and this class has none yet: what is freed of it goes back all the same. */
static void what_has_no_list_goes_back(void **state)
{
	size_t size = 64;
	const uint64_t before = in_use();
	const struct threadcache_bin *bin = &threadcache_self->bins[sizeclass_of(size)];
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, take_and_end, &size), 0);
	pthread_join(thread, NULL);
	assert_int_equal(bin->capacity, 0);
	threadcache_self->capacity_bytes += threadcache_share();
	give(0, 100, 1);
	threadcache_self->capacity_bytes -= threadcache_share();
	assert_int_equal(bin->capacity, 0);
	assert_int_equal(threadcache_count(bin), 100);
	assert_int_equal(in_use(), before);
	(void)heap_trim(0);
	assert_int_equal(threadcache_count(bin), 0);
	assert_int_equal(in_use(), before);
}

static void *in_another_thread(void *arg)
{
	take(0, N, 64);
	*(unsigned *)arg = count_picks(threadcache_self, 64);
	give(0, N, 1);
	heap_thread_end();
	return NULL;
}

static void threads_among_others_take_none(void **state)
{
	unsigned n_picks = 1;
	pthread_t thread;

	heap_free(heap_alloc(64));
	assert_int_equal(pthread_create(&thread, NULL, in_another_thread, &n_picks), 0);
	pthread_join(thread, NULL);
	assert_int_equal(n_picks, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_with_holes_are_filled),
		cmocka_unit_test(what_is_left_goes_back_at_any_moment),
		cmocka_unit_test(a_full_list_sends_them_back),
		cmocka_unit_test(
			a_list_is_as_long_as_what_is_freed_at_a_time_unless_that_is_a_flood),
		cmocka_unit_test(what_has_no_list_goes_back),
		cmocka_unit_test(threads_among_others_take_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
