/* SPDX-License-Identifier: MIT */
/*
 * test-map.c: the hash map and the string pool.
 */
#include "base/map.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/test.h"

static void an_empty_map_finds_nothing(void **state)
{
	struct map map = {0};

	assert_null(map_find(&map, 0));
	assert_false(map_remove(&map, 0));
	assert_int_equal(map_get(&map, 7, 99), 99);
	assert_null(map_get_ptr(&map, 7));
	map_for_each (entry, &map)
		fail();
	map_deinit(&map);
}

static void zero_and_all_ones_are_keys_like_others(void **state)
{
	struct map map = {0};

	assert_int_equal(map_add(&map, 0, 10, NULL), 1);
	assert_int_equal(map_add(&map, UINT64_MAX, 20, NULL), 1);
	assert_int_equal(map_get(&map, 0, 0), 10);
	assert_int_equal(map_get(&map, UINT64_MAX, 0), 20);
	assert_true(map_remove(&map, 0));
	assert_null(map_find(&map, 0));
	map_deinit(&map);
}

static void adding_again_keeps_and_setting_replaces(void **state)
{
	struct map map = {0};
	uint64_t *place;

	assert_int_equal(map_add(&map, 5, 1, NULL), 1);
	assert_int_equal(map_add(&map, 5, 2, &place), 0);
	assert_int_equal(*place, 1);
	assert_int_equal(map_set(&map, 5, 3), 0);
	assert_int_equal(map_get(&map, 5, 0), 3);
	assert_int_equal(map.n_entries, 1);
	map_deinit(&map);
}

/* Against a plain array, over additions and removals in a fixed pseudo-random order. */
static void it_agrees_with_an_array_over_many_changes(void **state)
{
	enum { KEYS = 512, STEPS = 40000 };
	static uint64_t model[KEYS]; /* value + 1, 0: absent */
	struct map map = {0};
	uint32_t random = 12345;
	size_t i, n = 0, seen = 0;

	for (i = 0; i < STEPS; i++) {
		uint64_t key = (random = random * 1664525 + 1013904223) >> 23;

		if (random & 0x100) {
			assert_int_equal(map_remove(&map, key), model[key] != 0);
			n -= model[key] != 0;
			model[key] = 0;
		} else {
			assert_int_equal(map_set(&map, key, i), 0);
			n += model[key] == 0;
			model[key] = i + 1;
		}
		assert_int_equal(map.n_entries, n);
		if (i % 1000 == 0)
			for (key = 0; key < KEYS; key++)
				assert_int_equal(map_get(&map, key, (uint64_t)-1) + 1, model[key]);
	}
	map_for_each (entry, &map) {
		assert_int_equal(entry->value + 1, model[entry->key]);
		seen++;
	}
	assert_int_equal(seen, n);
	map_deinit(&map);
}

static void reserved_room_is_enough(void **state)
{
	struct map map = {0};
	struct map_entry *entries;
	uint64_t i;

	assert_int_equal(map_reserve(&map, 1000), 0);
	entries = map.entries;
	for (i = 0; i < 1000; i++)
		assert_int_equal(map_add(&map, i * 4096, i, NULL), 1);
	assert_ptr_equal(entries, map.entries);
	map_deinit(&map);
}

static void equal_strings_are_one_pointer(void **state)
{
	_cleanup_(string_pool_freep) struct string_pool *pool = string_pool_new();
	char other[] = "hello";
	const char *hello;

	assert_non_null(pool);
	hello = string_pool_add(pool, "hello");
	assert_string_equal(hello, "hello");
	assert_ptr_equal(string_pool_add(pool, other), hello);
	assert_ptr_equal(string_pool_add(pool, hello), hello);
	assert_ptr_equal(string_pool_add_n(pool, "hello, world", 5), hello);
	assert_ptr_equal(string_pool_add_n(pool, "hello\0x", 7), hello);
	assert_ptr_not_equal(string_pool_add(pool, "hell"), hello);
	assert_string_equal(string_pool_add(pool, ""), "");
	assert_int_equal(string_pool_count(pool), 3);
}

static void strings_stay_where_they_are(void **state)
{
	enum { STRINGS = 20000 };
	_cleanup_(string_pool_freep) struct string_pool *pool = string_pool_new();
	static const char *places[STRINGS];
	static char text[200000];
	int i;

	assert_non_null(pool);
	memset(text, 'x', sizeof(text) - 1);
	for (i = 0; i < STRINGS; i++) {
		char name[32];

		snprintf(name, sizeof(name), "function_%d", i);
		places[i] = string_pool_add(pool, name);
		if (i % 5000 == 0)
			assert_string_equal(string_pool_add(pool, text), text);
	}
	for (i = 0; i < STRINGS; i++) {
		char name[32];

		snprintf(name, sizeof(name), "function_%d", i);
		assert_string_equal(places[i], name);
		assert_ptr_equal(string_pool_add(pool, name), places[i]);
	}
	assert_int_equal(string_pool_count(pool), STRINGS + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_map_finds_nothing),
		cmocka_unit_test(zero_and_all_ones_are_keys_like_others),
		cmocka_unit_test(adding_again_keeps_and_setting_replaces),
		cmocka_unit_test(it_agrees_with_an_array_over_many_changes),
		cmocka_unit_test(reserved_room_is_enough),
		cmocka_unit_test(equal_strings_are_one_pointer),
		cmocka_unit_test(strings_stay_where_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
