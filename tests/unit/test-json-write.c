/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "render/json.h"
#include "test.h"

/* Writes, and compares with what jansson makes of it. Drops the reference. */
static void check(json_t *json)
{
	char *expected = json_dumps(json, JSON_INDENT(1) | JSON_REAL_PRECISION(15)), *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(expected);
	assert_non_null(out);
	assert_int_equal(json_write(json, out), 0);
	fclose(out);
	assert_int_equal(size, strlen(expected) + 1);
	assert_int_equal(text[size - 1], '\n');
	assert_memory_equal(text, expected, size - 1);
	free(expected);
	free(text);
}

static void values_are_written_as_jansson_does(void **state)
{
	check(json_pack("{s:i, s:I, s:I, s:n, s:b, s:b}", "small", 7, "least",
			(json_int_t)INT64_MIN, "most", (json_int_t)INT64_MAX, "nothing", "yes", 1,
			"no", 0));
	check(json_pack("[f, f, f, f, i]", 0.1, 1e300, -2.0, 123456789012345.6, -1));
	check(json_pack("[s, s, s, s]", "", "plain", "a \"quoted\" \\ word\n\x01\x7f", "Müller €"));
}

static void what_is_empty_has_no_lines(void **state)
{
	check(json_object());
	check(json_pack("{s:[], s:{}, s:[[], {}]}", "list", "map", "both"));
}

static void shared_nodes_stand_everywhere(void **state)
{
	json_t *stacks = json_array(),
	       *frame = json_pack("{s:s, s:[i, i]}", "f", "main", "at", 1, 2);

	for (int i = 0; i < 50; i++)
		json_array_append_new(stacks,
				      json_pack("{s:[O, O], s:i}", "stack", frame, frame, "n", i));
	/* and at another depth */
	check(json_pack("{s:o, s:[[[[[O]]]]], s:O}", "sites", stacks, "deep", frame, "near",
			frame));
	json_decref(frame);
}

/* More than what is gathered before a write. */
static void long_lists_are_whole(void **state)
{
	json_t *list = json_array();

	for (int i = 0; i < 50000; i++)
		json_array_append_new(list, json_pack("{s:i, s:s}", "number", i, "name", "worker"));
	check(json_pack("{s:o, s:s}", "list", list, "end", "here"));
}

static void no_tree_is_no_memory(void **state)
{
	assert_int_equal(json_write(NULL, stdout), -ENOMEM);
}

static void a_full_disk_is_an_error(void **state)
{
	FILE *out = fopen("/dev/full", "w");

	assert_non_null(out);
	assert_int_equal(json_write(json_pack("[i]", 1), out), -ENOSPC);
	fclose(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_written_as_jansson_does),
		cmocka_unit_test(what_is_empty_has_no_lines),
		cmocka_unit_test(shared_nodes_stand_everywhere),
		cmocka_unit_test(long_lists_are_whole),
		cmocka_unit_test(no_tree_is_no_memory),
		cmocka_unit_test(a_full_disk_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
