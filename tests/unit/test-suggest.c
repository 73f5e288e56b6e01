/* SPDX-License-Identifier: MIT */
/*
 * test-suggest.c: what was probably meant, and when nothing was.
 */
#include "cli/suggest.h"

#include <limits.h>
#include <string.h>

#include "tests/unit/test.h"

static void distance_counts_typing_errors(void **state)
{
	assert_int_equal(suggest_distance("", ""), 0);
	assert_int_equal(suggest_distance("", "abc"), 3);
	assert_int_equal(suggest_distance("report", "report"), 0);
	assert_int_equal(suggest_distance("reprot", "report"), 1);
	assert_int_equal(suggest_distance("repor", "report"), 1);
	assert_int_equal(suggest_distance("rreport", "report"), 1);
	assert_int_equal(suggest_distance("raport", "report"), 1);
	assert_int_equal(suggest_distance("ca", "abc"), 3);
	assert_int_equal(suggest_distance("kitten", "sitting"), 3);
}

static void long_words_are_far(void **state)
{
	char word[100];

	memset(word, 'a', sizeof(word));
	word[64] = 0;
	assert_int_equal(suggest_distance(word, word), 0);
	word[64] = 'a';
	word[65] = 0;
	assert_int_equal(suggest_distance(word, word), UINT_MAX);
}

static const char *suggest(const char *word)
{
	static const char *const names[] = {"run", "report", "attach", "snapshot", "ps", "detach"};
	struct suggestion suggestion = {};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		suggestion_offer(&suggestion, word, names[i]);
	return suggestion.name;
}

static void only_what_is_near_is_suggested(void **state)
{
	assert_string_equal(suggest("reprot"), "report");
	assert_string_equal(suggest("snap"), "snapshot");
	assert_string_equal(suggest("rn"), "run");
	assert_string_equal(suggest("atach"), "attach");
	assert_string_equal(suggest("detahc"), "detach");
	assert_null(suggest("frobnicate"));
	assert_null(suggest(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distance_counts_typing_errors),
		cmocka_unit_test(long_words_are_far),
		cmocka_unit_test(only_what_is_near_is_suggested),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
