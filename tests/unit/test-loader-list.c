/* SPDX-License-Identifier: MIT */
/* test-loader-list.c: lists that are whole, and lists that somebody is changing. */
#include "test.h"

#include <link.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/core/loader-list.h"

enum { N = 4, PAGE = 4096 };

static struct loader_map maps[N];
static struct loader_debug debug;
static const char *const names[N] = {"", "linux-vdso.so.1", "/lib/libone.so.6",
				     "/usr/lib/libtwo.so"};

static void make_list(void)
{
	for (unsigned i = 0; i < N; i++)
		maps[i] = (struct loader_map){
			.l_addr = i * 0x10000ull,
			.l_name = names[i],
			.l_next = i + 1 < N ? &maps[i + 1] : NULL,
			.l_prev = i > 0 ? &maps[i - 1] : NULL,
		};
	debug = (struct loader_debug){.r_version = 1, .r_map = &maps[0]};
}

static unsigned count(bool *ret_whole)
{
	struct loader_walk walk;
	unsigned n = 0;

	for (loader_walk_begin(&walk, &debug); loader_walk_next(&walk); n++) {
		assert_ptr_equal(walk.at, &maps[n]);
		assert_memory_equal(&walk.entry, &maps[n], sizeof(maps[n]));
	}
	*ret_whole = walk.is_whole;
	return n;
}

static void test_a_whole_list(void **state)
{
	bool is_whole;

	make_list();
	assert_int_equal(count(&is_whole), N);
	assert_true(is_whole);
}

static void test_there_is_no_list(void **state)
{
	struct loader_walk walk;

	loader_walk_begin(&walk, NULL);
	assert_false(loader_walk_next(&walk));
	assert_false(walk.is_whole);
	loader_walk_begin(&walk, (const struct loader_debug *)8);
	assert_false(loader_walk_next(&walk));
	assert_false(walk.is_whole);
}

static void test_entries_are_being_taken_out(void **state)
{
	struct loader_walk walk;
	bool is_whole;

	make_list();
	debug.r_state = RT_DELETE;
	assert_int_equal(count(&is_whole), 0);
	assert_false(is_whole);
	/* and from the middle on */
	debug.r_state = RT_CONSISTENT;
	loader_walk_begin(&walk, &debug);
	assert_true(loader_walk_next(&walk));
	debug.r_state = RT_DELETE;
	assert_false(loader_walk_next(&walk));
	assert_false(walk.is_whole);
	/* one that is put in does no harm */
	debug.r_state = RT_ADD;
	assert_int_equal(count(&is_whole), N);
	assert_true(is_whole);
}

static void test_a_list_that_does_not_hang_together(void **state)
{
	bool is_whole;

	/* the third was freed, and is something else by now */
	make_list();
	memset(&maps[2], 0x5a, sizeof(maps[2]));
	assert_int_equal(count(&is_whole), 2);
	assert_false(is_whole);
	/* a circle */
	make_list();
	maps[N - 1].l_next = &maps[1];
	assert_int_equal(count(&is_whole), N);
	assert_false(is_whole);
	make_list();
	maps[1].l_next = &maps[1];
	assert_int_equal(count(&is_whole), 2);
	assert_false(is_whole);
}

static void test_an_entry_whose_page_is_gone(void **state)
{
	struct loader_map *gone =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool is_whole;

	assert_ptr_not_equal(gone, MAP_FAILED);
	assert_int_equal(munmap(gone, PAGE), 0);
	make_list();
	maps[1].l_next = gone;
	assert_int_equal(count(&is_whole), 2);
	assert_false(is_whole);
}

static void test_libraries_by_name(void **state)
{
	struct loader_map found;

	make_list();
	assert_true(loader_find_library(&debug, "libone.so.6", &found));
	assert_int_equal(found.l_addr, maps[2].l_addr);
	assert_true(loader_find_library(&debug, "linux-vdso.so.1", &found));
	assert_int_equal(found.l_addr, maps[1].l_addr);
	assert_false(loader_find_library(&debug, "libone.so", &found));
	assert_false(loader_find_library(&debug, "one.so.6", &found));
	/* a name that cannot be read is none */
	maps[2].l_name = (const char *)16;
	assert_true(loader_find_library(&debug, "libtwo.so", &found));
	maps[3].l_name = NULL;
	assert_false(loader_find_library(&debug, "libtwo.so", &found));
}

/* The list that the loader really has. */
static void test_the_list_of_this_process(void **state)
{
	struct loader_walk walk;
	unsigned n = 0;

	for (loader_walk_begin(&walk, (const struct loader_debug *)&_r_debug);
	     loader_walk_next(&walk); n++)
		;
	assert_true(walk.is_whole);
	assert_true(n >= 3);
	assert_true(loader_find_library((const struct loader_debug *)&_r_debug, "libc.so.6",
					&walk.entry));
	assert_non_null(walk.entry.l_ld);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_whole_list),
		cmocka_unit_test(test_there_is_no_list),
		cmocka_unit_test(test_entries_are_being_taken_out),
		cmocka_unit_test(test_a_list_that_does_not_hang_together),
		cmocka_unit_test(test_an_entry_whose_page_is_gone),
		cmocka_unit_test(test_libraries_by_name),
		cmocka_unit_test(test_the_list_of_this_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
