/* SPDX-License-Identifier: MIT */
#include "profile/label.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "sample-profile.h"
#include "test.h"

static void assert_site(struct profile *profile, size_t site, const char *expected)
{
	struct strbuf buffer = {};

	assert_int_equal(label_site(profile, &profile->sites[site], &buffer), 0);
	assert_string_equal(strbuf_text(&buffer), expected);
	strbuf_deinit(&buffer);
}

static void a_site_is_who_allocated_and_where(void **state)
{
	struct profile *profile = sample_profile();

	assert_site(profile, 0, "make_node (src/list.c:42)");
	assert_site(profile, 2, "strdup for parse_line (src/config.c:88)");
	assert_site(profile, 3, "plugin.so+0x1233 for main (src/main.c:12)");
	profile_free(profile);
}

static void the_programs_own_code_goes_before_the_systems(void **state)
{
	struct profile *profile = sample_profile();

	/* with the debug information of libc and of templates there are lines further in */
	profile->frames[5].file = "string/strdup.c";
	assert_site(profile, 2, "strdup for parse_line (src/config.c:88)");
	profile->frames[0].function =
		"std::vector<int, std::allocator<int> >::reserve(unsigned long)";
	profile->frames[0].file = "/usr/include/c++/12/bits/vector.tcc";
	profile->frames[1].function = "(anonymous namespace)::build(list<node>&, int)";
	assert_site(profile, 0,
		    "std::vector<int>::reserve for (anonymous "
		    "namespace)::build (src/list.c:60)");
	profile->frames[0].function = "pool::operator()(unsigned long)";
	profile->frames[0].file = "/srv/app/src/pool.cc";
	assert_site(profile, 0, "pool::operator() (src/pool.cc:42)");
	/* a wrapper is not the place either */
	profile->frames[0].function = "xmalloc";
	profile->frames[0].file = "/srv/app/src/util.c";
	profile->frames[1].function = "std::vector<T> fill<T>(int)";
	assert_site(profile, 0, "xmalloc for fill<T> (src/list.c:60)");
	profile_free(profile);
}

static void without_any_line_it_is_the_module(void **state)
{
	struct profile *profile = sample_profile();

	for (size_t i = 0; i < profile->n_frames; i++)
		profile->frames[i].file = NULL;
	assert_site(profile, 0, "make_node (leaky)");
	assert_site(profile, 2, "strdup for parse_line (leaky)");
	assert_site(profile, 3, "plugin.so+0x1233");
	profile->sites[2].n_locations = 1;
	assert_site(profile, 2, "strdup (libc.so.6)");
	profile->frames[5].file = "string/strdup.c";
	assert_site(profile, 2, "strdup (string/strdup.c)");
	profile->sites[0].n_locations = 0;
	assert_site(profile, 0, "an unknown place");
	profile_free(profile);
}

static void set(char **text, const char *to)
{
	free(*text);
	*text = strdup(to);
	assert_non_null(*text);
}

static void of_a_program_of_the_system_its_libraries_are_the_program(void **state)
{
	struct profile *profile = sample_profile();

	for (size_t i = 0; i < profile->n_frames; i++)
		profile->frames[i].file = NULL;
	for (size_t i = 0; i < profile->n_modules; i++)
		if (strstr(profile->modules[i].path, "plugin.so"))
			set(&profile->modules[i].path, "/usr/lib/ruby/plugin.so");
	/* of a program of one's own, a library in /usr/lib is somebody else's */
	assert_site(profile, 3, "plugin.so+0x1233 for main (leaky)");
	set(&profile->process.exe, "/usr/bin/ruby3.1");
	assert_site(profile, 3, "plugin.so+0x1233");
	assert_site(profile, 2, "strdup for parse_line (leaky)");
	profile_free(profile);
}

/* A library that was linked in with its lines is not whose program it is. */
static void lines_of_a_few_calls_do_not_count(void **state)
{
	struct profile *profile = sample_profile();
	const struct profile_site *site = &profile->sites[0];
	const uint32_t last = site->n_locations - 1;
	struct profile_frame *outer;

	for (size_t i = 0; i < profile->n_frames; i++)
		profile->frames[i].file = NULL;
	outer = &profile->frames[profile_location_get(profile, site, last)->first_frame];
	outer->function = "uv_run";
	outer->file = "src/unix/core.c";
	assert_site(profile, 0, "make_node (leaky)");
	profile_free(profile);
}

static void paths_are_as_long_as_they_need_to_be(void **state)
{
	assert_string_equal(label_path_tail("/usr/src/app/src/list.c"), "src/list.c");
	assert_string_equal(label_path_tail("/src/list.c"), "/src/list.c");
	assert_string_equal(label_path_tail("/list.c"), "/list.c");
	assert_string_equal(label_path_tail("../src/list.c"), "../src/list.c");
	assert_string_equal(label_path_tail(""), "");
	assert_string_equal(label_base_name("/a/b"), "b");
	assert_string_equal(label_base_name("b"), "b");
}

static void control_characters_are_replaced(void **state)
{
	struct strbuf buffer = {};

	assert_int_equal(label_add_clean(&buffer, "a\033[2Jb\nc\177ä"), 0);
	assert_string_equal(strbuf_text(&buffer), "a?[2Jb?c?ä");
	strbuf_deinit(&buffer);
}

static void code_of_a_languages_library_that_was_inlined_is_nobodys_place(void **state)
{
	static const char *const files[] = {
		"/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/alloc/src/alloc.rs",
		"/home/u/.rustup/toolchains/stable/lib/rustlib/src/rust/library/alloc/src/vec/mod.rs",
		"/home/u/.cargo/registry/src/index.crates.io-6f17d22bba15001f/bytes-1.5.0/src/bytes.rs",
		"/usr/lib/go-1.19/src/runtime/malloc.go",
		"/usr/share/go-1.19/src/runtime/malloc.go",
		"/usr/local/go/src/runtime/malloc.go",
		"/opt/gcc-13/include/c++/13.2.0/bits/vector.tcc",
		"/usr/local/include/boost/pool.hpp",
		"/usr/lib/gcc/x86_64-linux-gnu/12/include/stdatomic.h",
		"/usr/lib/llvm-14/include/c++/v1/vector",
	};
	struct profile *profile = sample_profile();

	profile->frames[0].function = "alloc::vec::from_elem";
	profile->frames[1].function = "leak::request";
	profile->frames[1].file = "/srv/app/src/main.rs";
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		profile->frames[0].file = files[i];
		assert_site(profile, 0, "alloc::vec::from_elem for leak::request (src/main.rs:60)");
	}
	profile_free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_site_is_who_allocated_and_where),
		cmocka_unit_test(the_programs_own_code_goes_before_the_systems),
		cmocka_unit_test(code_of_a_languages_library_that_was_inlined_is_nobodys_place),
		cmocka_unit_test(without_any_line_it_is_the_module),
		cmocka_unit_test(of_a_program_of_the_system_its_libraries_are_the_program),
		cmocka_unit_test(lines_of_a_few_calls_do_not_count),
		cmocka_unit_test(paths_are_as_long_as_they_need_to_be),
		cmocka_unit_test(control_characters_are_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
