/* SPDX-License-Identifier: MIT */
/*
 * test-recent.c: the list of the newest session files.
 */
#include "cli/recent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "tests/unit/test.h"

static char folder[] = "/tmp/memtrace-recent-XXXXXX";
static char path[256];

static const char *in_folder(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void assert_newest(const char *name)
{
	_cleanup_free_ char *found = NULL;

	assert_int_equal(recent_find(&found), 0);
	assert_string_equal(strrchr(found, '/') + 1, name);
}

static void the_newest_that_is_still_there_is_found(void **state)
{
	char *found = NULL;

	assert_int_equal(recent_find(&found), -ENOENT);
	assert_int_equal(recent_add(in_folder("a")), -ENOENT);
	assert_int_equal(file_write(in_folder("a"), "", 0), 0);
	assert_int_equal(file_write(in_folder("b"), "", 0), 0);
	assert_int_equal(recent_add(in_folder("a")), 0);
	assert_int_equal(recent_add(in_folder("b")), 0);
	assert_newest("b");
	unlink(in_folder("b"));
	assert_newest("a");
	unlink(in_folder("a"));
	assert_int_equal(recent_find(&found), -ENOENT);
	assert_null(found);
}

static void a_long_list_is_cut_from_its_beginning(void **state)
{
	struct stat st;

	assert_int_equal(file_write(in_folder("old"), "", 0), 0);
	assert_int_equal(file_write(in_folder("new"), "", 0), 0);
	for (int i = 0; i < 3000; i++)
		assert_int_equal(recent_add(in_folder("old")), 0);
	assert_int_equal(recent_add(in_folder("new")), 0);
	assert_newest("new");
	assert_int_equal(stat(in_folder("state/memtrace/sessions"), &st), 0);
	assert_true(st.st_size <= 64 * 1024);
}

static void garbage_in_the_list_is_passed_over(void **state)
{
	static const char text[] = "\n\nrelative\n/nowhere\n\0\1\2\n\n";
	char *found = NULL;

	assert_int_equal(file_write(in_folder("state/memtrace/sessions"), text, sizeof(text) - 1),
			 0);
	assert_int_equal(recent_find(&found), -ENOENT);
	assert_int_equal(file_write(in_folder("a"), "", 0), 0);
	assert_int_equal(recent_add(in_folder("a")), 0);
	assert_newest("a");
}

static int make_folder(void **state)
{
	return mkdtemp(folder) && setenv("XDG_STATE_HOME", in_folder("state"), 1) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
	static const char *const names[] = {
		"a", "old", "new", "state/memtrace/sessions", "state/memtrace", "state", ""};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		remove(in_folder(names[i]));
	return access(folder, F_OK) == 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_that_is_still_there_is_found),
		cmocka_unit_test(a_long_list_is_cut_from_its_beginning),
		cmocka_unit_test(garbage_in_the_list_is_passed_over),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
