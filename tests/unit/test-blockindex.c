/* SPDX-License-Identifier: MIT */
/* test-blockindex.c: a set of addresses that grows, empties and is used by many at once. */
#include "tests/unit/test.h"

#include <pthread.h>
#include <stdlib.h>

#include "agent/core/blockindex.h"

enum { MANY = 100000, N_THREADS = 4 };

static uintptr_t address(uintptr_t i)
{
	return 0x7f0000000010 + i * 48;
}

static void test_nothing_is_in_it_at_first(void **state)
{
	assert_false(blockindex_has(address(1)));
	assert_int_equal(blockindex_remove(address(1)), 0);
	assert_int_equal(blockindex_init(MANY), 0);
	assert_false(blockindex_has(address(1)));
	assert_false(blockindex_has(0));
	assert_int_equal(blockindex_remove(0), 0);
}

static void test_what_was_added_is_found_until_it_is_removed(void **state)
{
	for (uintptr_t i = 0; i < MANY; i++)
		assert_true(blockindex_add(address(i), (uint32_t)i + 1));
	for (uintptr_t i = 0; i < MANY; i++) {
		assert_true(blockindex_has(address(i)));
		assert_false(blockindex_has(address(i) + 16));
	}
	for (uintptr_t i = 0; i < MANY; i += 2) {
		assert_int_equal(blockindex_remove(address(i)), i + 1);
		assert_int_equal(blockindex_remove(address(i)), 0);
	}
	for (uintptr_t i = 0; i < MANY; i++)
		assert_int_equal(blockindex_has(address(i)), i % 2);
	for (uintptr_t i = 1; i < MANY; i += 2)
		assert_int_equal(blockindex_remove(address(i)), i + 1);
}

static void test_it_says_when_it_is_full_and_has_room_again(void **state)
{
	uintptr_t n = 0;
	uint64_t bytes;

	while (blockindex_add(address(n), 1))
		n++;
	assert_true(n >= MANY);
	bytes = blockindex_own_bytes();
	assert_true(bytes <= MANY * 48ull);
	for (uintptr_t i = 0; i < n; i++)
		assert_int_equal(blockindex_remove(address(i)), 1);
	for (uintptr_t i = 0; i < MANY / 2; i++)
		assert_true(blockindex_add(address(i), 2));
	for (uintptr_t i = 0; i < MANY / 2; i++)
		assert_int_equal(blockindex_remove(address(i)), 2);
	assert_int_equal(blockindex_own_bytes(), bytes);
}

static void *add_and_remove(void *arg)
{
	uintptr_t base = (uintptr_t)arg * 1000000;
	unsigned seed = (unsigned)(uintptr_t)arg, n_wrong = 0;
	bool in[500] = {0};

	for (unsigned i = 0; i < 50000; i++) {
		uintptr_t at = (uintptr_t)rand_r(&seed) % 500;

		n_wrong += blockindex_has(address(base + at)) != in[at];
		if (in[at])
			n_wrong += blockindex_remove(address(base + at)) != at + 1;
		else
			n_wrong += !blockindex_add(address(base + at), (uint32_t)at + 1);
		in[at] = !in[at];
	}
	for (uintptr_t at = 0; at < 500; at++)
		n_wrong += (blockindex_remove(address(base + at)) != 0) != in[at];
	return (void *)(uintptr_t)n_wrong;
}

static void test_threads_do_not_see_each_others_keys_vanish(void **state)
{
	pthread_t threads[N_THREADS];
	void *n_wrong;

	for (uintptr_t i = 0; i < N_THREADS; i++)
		pthread_create(&threads[i], NULL, add_and_remove, (void *)(i + 1));
	for (unsigned i = 0; i < N_THREADS; i++) {
		pthread_join(threads[i], &n_wrong);
		assert_null(n_wrong);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_in_it_at_first),
		cmocka_unit_test(test_what_was_added_is_found_until_it_is_removed),
		cmocka_unit_test(test_it_says_when_it_is_full_and_has_room_again),
		cmocka_unit_test(test_threads_do_not_see_each_others_keys_vanish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
