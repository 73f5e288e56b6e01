/* SPDX-License-Identifier: MIT */
/* Paths of source files, put together and shortened. */
#include "symbolize/source-path.h"

#include <string.h>

#include "test.h"

static void assert_shortens(const char *path, const char *expected)
{
	_cleanup_free_ char *text = strdup(path);

	assert_non_null(text);
	source_path_shorten(text);
	assert_string_equal(text, expected);
}

static void detours_are_taken_out(void **state)
{
	assert_shortens("/a/build/../src/x.c", "/a/src/x.c");
	assert_shortens("/a/b/../../src/x.c", "/src/x.c");
	assert_shortens("/a/./b//x.c", "/a/b/x.c");
	assert_shortens("./x.c", "x.c");
	assert_shortens("/x.c", "/x.c");
	assert_shortens("x.c", "x.c");
	assert_shortens("a/../x.c", "x.c");
	assert_shortens("./malloc/../sysdeps/x.c", "sysdeps/x.c");
}

static void what_leads_out_of_a_relative_path_stays(void **state)
{
	assert_shortens("../x.c", "../x.c");
	assert_shortens("../../x.c", "../../x.c");
	assert_shortens("a/../../x.c", "../x.c");
	assert_shortens("../a/../x.c", "../x.c");
}

static void above_the_root_is_the_root(void **state)
{
	assert_shortens("/../x.c", "/x.c");
	assert_shortens("/a/../../../x.c", "/x.c");
	assert_shortens("/", "/");
	assert_shortens("", "");
	assert_shortens("/..", "/");
	assert_shortens("/a/..", "/");
	assert_shortens("a/..", "");
}

static void odd_names_are_names(void **state)
{
	assert_shortens("/a/.../x.c", "/a/.../x.c");
	assert_shortens("/a/..b/x.c", "/a/..b/x.c");
	assert_shortens("/a/.b/x.c", "/a/.b/x.c");
	assert_shortens("<built-in>", "<built-in>");
}

static void a_relative_file_is_below_its_folder(void **state)
{
	_cleanup_(string_pool_freep) struct string_pool *pool = string_pool_new();
	_cleanup_(source_paths_deinit) struct source_paths paths = {};
	static const char relative[] = "../src/x.c", absolute[] = "/usr/include/x.h",
			  bare[] = "y.c";
	const char *path = source_paths_get(&paths, pool, "/w/build", relative);

	assert_string_equal(path, "/w/src/x.c");
	assert_ptr_equal(path, source_paths_get(&paths, pool, "/w/build", relative));
	assert_string_equal(source_paths_get(&paths, pool, "/w/build", absolute), absolute);
	assert_string_equal(source_paths_get(&paths, pool, NULL, bare), "y.c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(detours_are_taken_out),
		cmocka_unit_test(what_leads_out_of_a_relative_path_stays),
		cmocka_unit_test(above_the_root_is_the_root),
		cmocka_unit_test(odd_names_are_names),
		cmocka_unit_test(a_relative_file_is_below_its_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
