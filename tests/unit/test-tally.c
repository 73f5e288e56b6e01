/* SPDX-License-Identifier: MIT */
/*
 * test-tally.c: counts that are exact while they fit, and have a bound on their error when they do not.
 */
#include "process/tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tests/unit/test.h"

static void add_text(struct tally *tally, const char *text, unsigned n)
{
	/* any number that is the same for the same text */
	uint64_t key = 0;

	for (const char *at = text; *at; at++)
		key = key * 31 + (unsigned char)*at;
	while (n--)
		assert_int_equal(tally_add(tally, key, strlen(text), text), 0);
}

static void counts_are_exact_while_they_fit(void **state)
{
	_cleanup_free_ const struct tally_entry **rows = NULL;
	struct tally tally;
	size_t n;

	tally_init(&tally, 8, 1 << 20);
	add_text(&tally, "seldom", 2);
	add_text(&tally, "often", 5);
	add_text(&tally, "a long text", 3);
	assert_int_equal(tally.n_added, 10);
	assert_int_equal(tally.n_entries, 3);
	assert_int_equal(tally.error, 0);
	assert_int_equal(tally_rank(&tally, TALLY_BY_COUNT, 10, &rows, &n), 0);
	assert_int_equal(n, 3);
	assert_string_equal(rows[0]->text, "often");
	assert_int_equal(rows[0]->count, 5);
	assert_string_equal(rows[1]->text, "a long ");
	assert_int_equal(rows[1]->length, 11);
	tally_deinit(&tally);
}

static void order_by_bytes_is_that_of_count_times_length(void **state)
{
	_cleanup_free_ const struct tally_entry **rows = NULL;
	struct tally tally;
	size_t n;

	tally_init(&tally, 32, 1 << 20);
	add_text(&tally, "abc", 5);
	add_text(&tally, "abcdefghijkl", 2);
	assert_int_equal(tally_rank(&tally, TALLY_BY_BYTES, 1, &rows, &n), 0);
	assert_int_equal(n, 1);
	assert_string_equal(rows[0]->text, "abcdefghijkl");
	tally_deinit(&tally);
}

/* What its comment promises, for things of which number i was added counts[i] times. */
static void check_bounds(const struct tally *tally, const uint64_t *counts, size_t n_counts)
{
	_cleanup_free_ const struct tally_entry **rows = NULL;
	_cleanup_free_ uint64_t *found = calloc(n_counts, sizeof(*found));
	size_t n;

	assert_int_equal(tally_rank(tally, TALLY_BY_COUNT, SIZE_MAX, &rows, &n), 0);
	for (size_t i = 0; i < n; i++)
		found[rows[i]->key - 1] = rows[i]->count;
	for (size_t i = 0; i < n_counts; i++) {
		assert_true(found[i] <= counts[i]);
		assert_true(counts[i] <= found[i] + tally->error);
	}
}

static void bounds_hold_when_not_all_fit(void **state)
{
	enum { KINDS = 200000, FREQUENT = 50, TIMES = 3000 };
	_cleanup_free_ uint64_t *counts = calloc(KINDS, sizeof(*counts));
	uint32_t random = 1;
	struct tally tally;

	/* room for some 30,000 */
	tally_init(&tally, 0, 1 << 20);
	for (unsigned i = 0; i < KINDS + FREQUENT * TIMES; i++) {
		uint64_t kind = i < KINDS ? i : (random >> 8) % FREQUENT;

		random = random * 1664525 + 1013904223;
		counts[kind]++;
		assert_int_equal(tally_add(&tally, kind + 1, 8, NULL), 0);
	}
	assert_true(tally.error > 0);
	assert_true(tally.error < TIMES / 10);
	assert_true(tally.n_pruned > 0);
	assert_true(tally.capacity * 24 <= 1 << 20);
	check_bounds(&tally, counts, KINDS);
	tally_deinit(&tally);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_are_exact_while_they_fit),
		cmocka_unit_test(order_by_bytes_is_that_of_count_times_length),
		cmocka_unit_test(bounds_hold_when_not_all_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
