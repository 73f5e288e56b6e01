/* SPDX-License-Identifier: MIT */
#include "render/arenas.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/pins.h"
#include "render/view.h"
#include "sample-arenas.h"
#include "sample-profile.h"
#include "test.h"

static char *text;
static size_t size;

static int draw(int (*render)(const struct profile *, const struct arenas_options *, FILE *),
		const struct profile *profile, unsigned top)
{
	static const struct render_options plain = {.since_s = -1, .older_s = -1};
	const struct arenas_options options = {.top = top, .render = &plain};
	FILE *out;
	int r;

	free(text);
	text = NULL;
	out = open_memstream(&text, &size);
	assert_non_null(out);
	r = render(profile, &options, out);
	assert_int_equal(fclose(out), 0);
	return r;
}

static struct profile *profile_with_arenas(void)
{
	struct profile *profile = sample_profile();

	profile->arenas = sample_arenas(profile->blocks[0].address);
	return profile;
}

static void assert_has(const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void text_says_who_keeps_what(void **state)
{
	struct profile *profile = profile_with_arenas();

	assert_int_equal(draw(render_arenas_text, profile, 0), 0);
	assert_has(
		"  The allocator has 52.0 MiB, 50.0 MiB of it resident: 6.0 MiB in use, 43.0 MiB "
		"free.\n");
	assert_has("  malloc_trim(0) would give back 41.0 MiB.\n");
	assert_has("  38.0 MiB in arena 1, by 3 blocks of 412 B in all, the first at "
		   "0x7f8000100010\n");
	assert_has("  2.0 MiB in main, by a block of 100 B at 0x");
	assert_has(", from make_node (");
	assert_has("raised from 128.0 KiB");
	assert_has("512 B that could not be told apart into blocks count as in use.");
	assert_has("Not everything was read: arena 3 was left out.");
	/* what keeps most comes first */
	assert_true(strstr(text, "\n  1 ") < strstr(text, "\n  main "));
	assert_true(strstr(text, "in arena 1, by") < strstr(text, "in main, by"));
	profile_free(profile);
	(void)state;
}

static void rows_beyond_the_limit_are_summed_up(void **state)
{
	struct profile *profile = profile_with_arenas();

	assert_int_equal(draw(render_arenas_text, profile, 1), 0);
	assert_has("\n  2 others  12.0 MiB  5.0 MiB   3,002");
	assert_has("and 1 more\n");
	profile_free(profile);
	(void)state;
}

static void csv_has_plain_figures(void **state)
{
	struct profile *profile = profile_with_arenas();

	assert_int_equal(draw(render_arenas_csv, profile, 0), 0);
	assert_has("\nglibc,1,thread,0x7f8000000030,1,41943040,1048576,7,40894464,40894464,0,0,0,"
		   "39845888,0,41943040,41943040,2,");
	profile_free(profile);
	(void)state;
}

static void json_has_what_the_schema_names(void **state)
{
	struct profile *profile = profile_with_arenas();

	assert_int_equal(draw(render_arenas_json, profile, 0), 0);
	assert_has("\"holds_bytes\": 39845888");
	assert_has("\"free_resident_bytes\": 40894464");
	assert_has("\"mmap_threshold_bytes\": 2097152");
	assert_has("\"refused\": \"arena 3 was left out\"");
	assert_has("\"tid\": 4713");
	profile_free(profile);
	(void)state;
}

static void without_arenas_there_is_nothing_to_draw(void **state)
{
	struct profile *profile = sample_profile();

	assert_int_equal(draw(render_arenas_text, profile, 0), -ENODATA);
	assert_int_equal(draw(render_arenas_csv, profile, 0), -ENODATA);
	assert_int_equal(draw(render_arenas_json, profile, 0), 0);
	assert_has("\"arenas\": null");
	profile_free(profile);
	(void)state;
}

static void a_pin_belongs_to_the_site_with_most_bytes_in_it(void **state)
{
	struct profile *profile = profile_with_arenas();
	const struct profile_block *block = &profile->blocks[0];
	struct arena_pin pin = {.start = block->address, .end = block->address + 1};
	struct pin_owner owner;

	assert_true(pin_owner_find(profile, &pin, &owner));
	assert_int_equal(owner.site, block->site);
	assert_int_equal(owner.n_blocks, 1);
	assert_int_equal(owner.address, block->address);
	pin = (struct arena_pin){.start = 0, .end = UINT64_MAX};
	assert_true(pin_owner_find(profile, &pin, &owner));
	assert_int_equal(owner.site, 0);
	assert_int_equal(owner.n_blocks, 4);
	pin = (struct arena_pin){.address = 1, .size = 1};
	assert_false(pin_owner_find(profile, &pin, &owner));
	profile_free(profile);
	(void)state;
}

static int forget(void **state)
{
	free(text);
	(void)state;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_says_who_keeps_what),
		cmocka_unit_test(rows_beyond_the_limit_are_summed_up),
		cmocka_unit_test(csv_has_plain_figures),
		cmocka_unit_test(json_has_what_the_schema_names),
		cmocka_unit_test(without_arenas_there_is_nothing_to_draw),
		cmocka_unit_test(a_pin_belongs_to_the_site_with_most_bytes_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, forget);
}
