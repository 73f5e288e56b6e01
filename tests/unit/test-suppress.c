/* SPDX-License-Identifier: MIT */
/*
 * test-suppress.c: patterns, files of them, and what they take out of a profile.
 */
#include "cli/suppress.h"

#include <errno.h>
#include <string.h>

#include "region/abi.h"
#include "tests/unit/test.h"

static void a_pattern_matches_anywhere_unless_anchored(void **state)
{
	assert_true(suppress_matches("foo", "a::foo(int)"));
	assert_true(suppress_matches("foo", "foo"));
	assert_false(suppress_matches("foo", "fo"));
	assert_true(suppress_matches("^foo", "foobar"));
	assert_false(suppress_matches("^foo", "a foo"));
	assert_true(suppress_matches("bar$", "foobar"));
	assert_false(suppress_matches("bar$", "barfoo"));
	assert_true(suppress_matches("^foo$", "foo"));
	assert_false(suppress_matches("^foo$", "foobar"));
	assert_true(suppress_matches("^*$", ""));
}

static void a_star_is_anything(void **state)
{
	assert_true(suppress_matches("lib*.so", "/usr/lib/libc.so.6"));
	assert_true(suppress_matches("^a*b*c$", "aXbYbZc"));
	assert_false(suppress_matches("^a*b*c$", "aXcYb"));
	assert_true(suppress_matches("a**b$", "ab"));
	assert_false(
		suppress_matches("^a*aaaaaaaaab$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

static int parse(const char *text, struct suppressions *ret, struct strbuf *error)
{
	return suppressions_parse(strdup(text), ret, error);
}

static void files_have_comments_and_blank_lines(void **state)
{
	struct suppressions suppressions;
	struct strbuf error = {};

	assert_int_equal(parse("# known\n\n  leak:one \r\nleak:two words\n", &suppressions, &error),
			 0);
	assert_int_equal(suppressions.n_patterns, 2);
	assert_string_equal(suppressions.patterns[0], "one");
	assert_string_equal(suppressions.patterns[1], "two words");
	suppressions_deinit(&suppressions);
	assert_int_equal(parse("leak:one\nrace:two", &suppressions, &error), -EINVAL);
	assert_string_equal(strbuf_text(&error),
			    "line 2: \"race:two\" is no suppression; write leak:PATTERN");
	assert_int_equal(parse("leak:", &suppressions, &error), -EINVAL);
	strbuf_deinit(&error);
}

static void outstanding_bytes_are_split(void **state)
{
	struct profile_module modules[] = {{.path = (char *)"/usr/lib/libknown.so"}};
	struct profile_frame frames[] = {{.function = "known"}, {.file = "other.c"}};
	struct profile_location locations[] = {
		{.module = PROFILE_NO_MODULE, .first_frame = 0, .n_frames = 1},
		{.module = PROFILE_NO_MODULE, .first_frame = 1, .n_frames = 1},
		{.module = 0},
	};
	uint32_t refs[] = {1, 0, 1, 2};
	struct profile_site sites[] = {
		{.kind = MT_SITE_MALLOC, .first_location = 0, .n_locations = 2, .live_bytes = 1},
		{.kind = MT_SITE_MALLOC, .first_location = 2, .n_locations = 1, .live_bytes = 10},
		{.kind = MT_SITE_MALLOC, .first_location = 3, .n_locations = 1, .live_bytes = 100},
		{.kind = MT_SITE_MMAP, .first_location = 2, .n_locations = 1, .live_bytes = 1000},
	};
	const struct profile profile = {.modules = modules,
					.n_modules = 1,
					.frames = frames,
					.n_frames = 2,
					.locations = locations,
					.n_locations = 3,
					.location_refs = refs,
					.n_location_refs = 4,
					.sites = sites,
					.n_sites = 4};
	struct suppressions suppressions;
	struct strbuf error = {};
	uint64_t live, hidden;

	assert_int_equal(parse("leak:^known$\nleak:libknown", &suppressions, &error), 0);
	bool by_site[4] = {};

	suppressions_apply(&suppressions, &profile, by_site, &live, &hidden);
	assert_int_equal(live, 10);
	assert_int_equal(hidden, 101);
	assert_true(by_site[0] && !by_site[1] && by_site[2]);
	suppressions_deinit(&suppressions);
	suppressions_apply(&suppressions, &profile, NULL, &live, &hidden);
	assert_int_equal(live, 111);
	assert_int_equal(hidden, 0);
	strbuf_deinit(&error);
}

/* strdup in libc for main, with what stands between them. */
static void apply_between(const char *function, const char *module,
			  struct suppressions *suppressions, uint64_t *ret_live)
{
	struct profile_module modules[] = {{.path = (char *)"/usr/lib/libc.so.6"},
					   {.path = (char *)module}};
	struct profile_frame frames[] = {
		{.function = "strdup"}, {.function = function}, {.function = "main"}};
	struct profile_location locations[] = {
		{.module = 0, .first_frame = 0, .n_frames = 1},
		{.module = 1, .first_frame = 1, .n_frames = 1},
		{.module = 1, .first_frame = 2, .n_frames = 1},
	};
	uint32_t refs[] = {0, 1, 2};
	struct profile_site site = {.kind = MT_SITE_MALLOC, .n_locations = 3, .live_bytes = 7};
	const struct profile profile = {.modules = modules,
					.n_modules = 2,
					.frames = frames,
					.n_frames = 3,
					.locations = locations,
					.n_locations = 3,
					.location_refs = refs,
					.n_location_refs = 3,
					.sites = &site,
					.n_sites = 1};
	uint64_t hidden;

	suppressions_apply(suppressions, &profile, NULL, ret_live, &hidden);
	assert_int_equal(*ret_live + hidden, 7);
}

static void what_libraries_never_free_is_left_out(void **state)
{
	struct suppressions none = {};
	uint64_t live;

	apply_between("setlocale", "/usr/lib/libc.so.6", &none, &live);
	assert_int_equal(live, 0);
	apply_between("g_type_register_static", "/usr/lib/libgobject-2.0.so.0", &none, &live);
	assert_int_equal(live, 0);
	/* a constructor of libc's, called by the loader */
	apply_between("call_init", "/lib64/ld-linux-x86-64.so.2", &none, &live);
	assert_int_equal(live, 0);
	/* the program's own function of that name */
	apply_between("setlocale", "/home/x/program", &none, &live);
	assert_int_equal(live, 7);
	apply_between("parse_line", "/home/x/libmine.so", &none, &live);
	assert_int_equal(live, 7);
	none.without_known = true;
	apply_between("setlocale", "/usr/lib/libc.so.6", &none, &live);
	assert_int_equal(live, 7);
}

static void patterns_that_match_are_marked(void **state)
{
	struct suppressions suppressions;
	struct strbuf error = {};
	uint64_t live;

	assert_int_equal(parse("leak:parse\nleak:nothing\nleak:^main$", &suppressions, &error), 0);
	apply_between("parse_line", "/home/x/program", &suppressions, &live);
	assert_int_equal(live, 0);
	assert_true(suppressions.used[0]);
	assert_false(suppressions.used[1]);
	assert_true(suppressions.used[2]);
	suppressions_deinit(&suppressions);
	strbuf_deinit(&error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pattern_matches_anywhere_unless_anchored),
		cmocka_unit_test(a_star_is_anything),
		cmocka_unit_test(files_have_comments_and_blank_lines),
		cmocka_unit_test(outstanding_bytes_are_split),
		cmocka_unit_test(what_libraries_never_free_is_left_out),
		cmocka_unit_test(patterns_that_match_are_marked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
