/* SPDX-License-Identifier: MIT */
#include "process/inject-loader.h"

#include <string.h>

#include "base/macro.h"
#include "tests/unit/test.h"

enum {
	AT = 0x7000,
	WORDS = 256,
	LOCK = 20,      /* the word at which the first lock begins */
	LOCK_WORDS = 5, /* of x86-64 */
	LOADED = 12,    /* modules ever */
	NOW = 5,
};

/* A loader that exports its data, and a libc. */
static uint64_t global[WORDS];
static char loader_strings[] = "\0_rtld_global";
static char libc_strings[] = "\0_dl_find_object";
static Elf64_Sym loader_symbols[2] = {
	{}, {.st_name = 1, .st_shndx = 1, .st_value = 0x1000, .st_size = sizeof(global)}};
static Elf64_Sym libc_symbols[2] = {{}, {.st_name = 1, .st_shndx = 1, .st_value = 0x500}};
static char libc_name[] = "libc.so.6";
static char loader_name[] = "ld.so";
static struct inject_module list[] = {
	{.name = libc_name,
	 .bias = 0x100000,
	 .symbols = libc_symbols,
	 .n_symbols = 2,
	 .strings = libc_strings,
	 .strings_size = sizeof(libc_strings)},
	{.name = loader_name,
	 .bias = AT - 0x1000,
	 .symbols = loader_symbols,
	 .n_symbols = 2,
	 .strings = loader_strings,
	 .strings_size = sizeof(loader_strings)},
};

static void make(unsigned n_locks)
{
	memset(global, 0, sizeof(global));
	global[0] = 0x9000;
	global[1] = NOW;
	for (unsigned i = 0; i < n_locks; i++)
		global[LOCK + i * LOCK_WORDS + 2] = 1;
	global[LOCK + n_locks * LOCK_WORDS] = LOADED;
}

static struct inject_modules look(void)
{
	const struct memory_piece piece = {AT, sizeof(global), global};
	struct memory *memory = memory_new_pieces(&piece, 1);
	struct inject_modules modules = {.modules = list, .n_modules = 2};

	assert_int_equal(inject_loader_find(memory, &modules), 0);
	memory_free(memory);
	return modules;
}

static void the_lock_and_the_counters_are_found(void **state)
{
	for (unsigned n_locks = 2; n_locks <= 3; n_locks++) {
		struct inject_modules modules;

		make(n_locks);
		modules = look();
		assert_int_equal(modules.loader_lock, AT + LOCK * 8);
		assert_int_equal(modules.adds_at, AT + (LOCK + n_locks * LOCK_WORDS) * 8);
		assert_int_equal(modules.count_at, AT + 8);
		assert_int_equal(modules.adds, LOADED);
		assert_int_equal(modules.count, NOW);
		assert_true(list[1].is_loader && !list[0].is_loader);
	}
}

static void a_held_lock_is_still_one(void **state)
{
	make(3);
	global[LOCK] = 1 | 1ull << 32;
	global[LOCK + 1] = 4711 | 1ull << 32;
	assert_int_equal(look().loader_lock, AT + LOCK * 8);
}

static void the_function_is_libcs(void **state)
{
	make(3);
	assert_int_equal(look().find_object, 0x100500);
}

static void what_could_be_in_two_places_is_not_taken(void **state)
{
	make(2);
	global[100 + 2] = global[105 + 2] = 1;
	global[110] = LOADED;
	assert_int_equal(look().loader_lock, 0);
	assert_int_equal(look().adds_at, 0);
}

static void a_counter_below_the_number_of_modules_is_none(void **state)
{
	make(3);
	global[LOCK + 3 * LOCK_WORDS] = NOW - 1;
	assert_int_equal(look().adds_at, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_lock_and_the_counters_are_found),
		cmocka_unit_test(a_held_lock_is_still_one),
		cmocka_unit_test(the_function_is_libcs),
		cmocka_unit_test(what_could_be_in_two_places_is_not_taken),
		cmocka_unit_test(a_counter_below_the_number_of_modules_is_none),
	};

	return cmocka_run_group_tests_name("inject-loader", tests, NULL, NULL);
}
