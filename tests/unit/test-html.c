/* SPDX-License-Identifier: MIT */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "render/render.h"
#include "sample-profile.h"
#include "test.h"

/* The data that the page carries. */
static const struct render_options plain = {.since_s = -1, .older_s = -1};

static json_t *page_data(struct profile *profile, const struct render_options *options)
{
	char *text = NULL, *data, *end;
	json_error_t error;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(render_html(profile, options, out), 0);
	fclose(out);
	profile_free(profile);
	data = strstr(text, "type=\"application/json\"");
	assert_non_null(data);
	data = strchr(data, '{');
	end = strstr(data, "</script>");
	assert_non_null(end);
	*end = '\0';
	json_t *json = json_loads(data, JSON_DISABLE_EOF_CHECK, &error);
	assert_non_null(json);
	free(text);
	return json;
}

static json_int_t left_out(const json_t *report, const char *member)
{
	return json_integer_value(json_object_get(json_object_get(report, "left_out"), member));
}

static void a_page_with_all_sites_leaves_nothing_out(void **state)
{
	json_t *report = page_data(sample_profile(), &plain);

	assert_int_equal(json_array_size(json_object_get(report, "sites")), 4);
	assert_null(json_object_get(report, "left_out"));
	json_decref(report);
}

static void what_is_not_on_the_page_is_counted(void **state)
{
	struct render_options options = {.top = 1, .since_s = -1, .older_s = -1};
	json_t *report = page_data(sample_profile(), &options);

	assert_int_equal(json_array_size(json_object_get(report, "sites")), 1);
	assert_int_equal(left_out(report, "sites"), 2);
	assert_int_equal(left_out(report, "live_bytes"), 65536 + 1960);
	json_decref(report);
}

static void places_of_the_allocator_are_not_counted_as_shown(void **state)
{
	struct render_options options = {.top = 2, .since_s = -1, .older_s = -1};
	struct profile *profile = sample_profile();
	json_t *report;

	/* takes a place on the page, but holds nothing of the program's */
	profile->sites[1].flags |= MT_STACK_BACKING;
	report = page_data(profile, &options);
	assert_int_equal(json_array_size(json_object_get(report, "sites")), 2);
	assert_int_equal(left_out(report, "sites"), 1);
	assert_int_equal(left_out(report, "live_bytes"), 1960);
	json_decref(report);
}

static void places_that_hold_nothing_are_not_counted_either(void **state)
{
	struct render_options options = {
		.top = 3, .sort = RENDER_SORT_AGE, .since_s = -1, .older_s = -1};
	struct profile *profile = sample_profile();
	json_t *report;

	/* the oldest, with nothing live any more */
	profile->sites[3].oldest_age_s = 100;
	report = page_data(profile, &options);
	assert_int_equal(left_out(report, "sites"), 1);
	assert_int_equal(left_out(report, "live_bytes"), 1960);
	json_decref(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_with_all_sites_leaves_nothing_out),
		cmocka_unit_test(what_is_not_on_the_page_is_counted),
		cmocka_unit_test(places_of_the_allocator_are_not_counted_as_shown),
		cmocka_unit_test(places_that_hold_nothing_are_not_counted_either),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
