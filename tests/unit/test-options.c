/* SPDX-License-Identifier: MIT */
/*
 * test-options.c: the command line as git and util-linux read it, and what is said when it is wrong.
 */
#include "cli/options.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/record-options.h"
#include "tests/unit/test.h"

struct shared {
	int format;
	uint64_t min_bytes;
};

struct values {
	bool quiet, verbose, leak_given;
	const char *output;
	uint64_t leak_bytes, duration_ns;
	double older_s;
	unsigned top;
	struct shared shared;
};

static const char *const formats[] = {"text", "json", "csv", NULL};

static const struct option_spec shared[] = {
	{"format", 0, "FORMAT", offsetof(struct shared, format), &option_choice, "f", formats},
	{"min", 0, "SIZE", offsetof(struct shared, min_bytes), &option_size, "m"},
	{NULL},
};

#define AT(member) offsetof(struct values, member)

static const struct option_spec own[] = {
	{"output", 'o', "FILE", AT(output), &option_text, "o"},
	{"quiet", 'q', NULL, AT(quiet), &option_flag, "q"},
	{"verbose", 'v', NULL, AT(verbose), &option_flag, "v"},
	{"fail-on-leak", 0, "[=SIZE]", AT(leak_bytes), &option_size, "l",
	 .set_offset = AT(leak_given)},
	{"top", 0, "[=N]", AT(top), &option_count, "t", .if_left_out = 10},
	{"duration", 0, "T", AT(duration_ns), &option_duration, "d"},
	{"older", 0, "T", AT(older_s), &option_age, "a"},
	{NULL},
};

static const struct option_group groups[] = {
	{own, 0, "Options"},
	{shared, AT(shared), "Shared"},
	{NULL},
};

/* Parses a line whose words are separated by single blanks; "''" is an empty word. */
static struct values values;
static char line_buffer[256];
static char *words[32];
static int n_words, n_operands;
static struct strbuf error;

static int parse(const char *line, bool stop_at_operand)
{
	const struct option_syntax syntax = {groups, stop_at_operand};
	char *next = line_buffer, *word;

	strcpy(line_buffer, line);
	values = (struct values){};
	strbuf_reset(&error);
	n_words = 0;
	n_operands = -1;
	while ((word = strsep(&next, " ")))
		if (word[0])
			words[n_words++] = strcmp(word, "''") == 0 ? word + 2 : word;
	return options_parse(&syntax, n_words, words, &values, &n_operands, &error);
}

static void assert_wrong(const char *line, const char *said)
{
	assert_int_equal(parse(line, false), -EINVAL);
	assert_string_equal(strbuf_text(&error), said);
}

static void values_may_be_joined_or_follow(void **state)
{
	static const char *const lines[] = {"--output=a", "--output a", "-oa", "-o a", "-qoa"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(parse(lines[i], false), OPTIONS_DONE);
		assert_string_equal(values.output, "a");
		assert_int_equal(n_operands, 0);
	}
	assert_true(values.quiet);
}

static void every_type_is_stored_in_its_place(void **state)
{
	assert_int_equal(
		parse("-qv --duration=2m --older 1.5s --format=csv --min=64K --top=3", false),
		OPTIONS_DONE);
	assert_true(values.quiet && values.verbose && !values.leak_given);
	assert_true(values.duration_ns == 120000000000ull);
	assert_true(values.older_s == 1.5);
	assert_int_equal(values.shared.format, 2);
	assert_true(values.shared.min_bytes == 65536);
	assert_int_equal(values.top, 3);
}

static void values_that_may_be_left_out_do_not_take_the_next_word(void **state)
{
	assert_int_equal(parse("--top 3 --fail-on-leak 1M", false), OPTIONS_DONE);
	assert_int_equal(values.top, 10);
	assert_true(values.leak_given && values.leak_bytes == 0);
	assert_int_equal(n_operands, 2);
	assert_string_equal(words[0], "3");
	assert_string_equal(words[1], "1M");
}

static void operands_are_gathered_in_their_order(void **state)
{
	assert_int_equal(parse("a -q b --min 1 - -- -v c --", false), OPTIONS_DONE);
	assert_int_equal(n_operands, 6);
	for (int i = 0; i < 6; i++)
		assert_string_equal(words[i],
				    ((const char *[]){"a", "b", "-", "-v", "c", "--"})[i]);
	assert_false(values.verbose);
}

static void a_programs_own_options_are_left_alone(void **state)
{
	assert_int_equal(parse("-q prog -v --nonsense -- x", true), OPTIONS_DONE);
	assert_int_equal(n_operands, 5);
	assert_string_equal(words[0], "prog");
	assert_string_equal(words[3], "--");
	assert_false(values.verbose);
	assert_int_equal(parse("-- -q", true), OPTIONS_DONE);
	assert_int_equal(n_operands, 1);
	assert_false(values.quiet);
}

static void a_beginning_is_enough_if_it_is_unambiguous(void **state)
{
	assert_int_equal(parse("--out=x --ver", false), OPTIONS_DONE);
	assert_string_equal(values.output, "x");
	assert_true(values.verbose);
	assert_wrong("--o=x", "--o: can be --output and --older; write it out");
}

static void help_is_everywhere(void **state)
{
	assert_int_equal(parse("--help", false), OPTIONS_HELP);
	assert_int_equal(parse("-qh", false), OPTIONS_HELP);
	assert_int_equal(parse("x --help", false), OPTIONS_HELP);
	assert_int_equal(parse("x --help", true), OPTIONS_DONE);
}

static void mistakes_are_named(void **state)
{
	assert_wrong("--ouput=x", "--ouput: there is no such option; did you mean --output?");
	assert_wrong("--fomat json", "--fomat: there is no such option; did you mean --format?");
	assert_wrong("--hlep", "--hlep: there is no such option; did you mean --help?");
	assert_wrong("--zzz", "--zzz: there is no such option; --help lists them");
	assert_wrong("--=x", "--: there is no such option; --help lists them");
	assert_wrong("-z", "-z: there is no such option; --help lists them");
	assert_wrong("-o", "--output: FILE is missing; write --output=FILE");
	assert_wrong("--output", "--output: FILE is missing; write --output=FILE");
	assert_wrong("--output ''", "--output: \"\" is not possible; give something");
	assert_wrong("--quiet=1", "--quiet: takes no value; write --quiet");
	assert_wrong("--format=xml", "--format: \"xml\" is not possible; give text, json or csv");
	assert_wrong("--min=1x",
		     "--min: \"1x\" is not possible; give a size such as 64K, 1.5M or 2G");
	assert_wrong("--top=0", "--top: \"0\" is not possible; give a number from 1 on");
	assert_wrong("--top=-1", "--top: \"-1\" is not possible; give a number from 1 on");
	assert_wrong("--top=1x", "--top: \"1x\" is not possible; give a number from 1 on");
	assert_wrong("--duration=0",
		     "--duration: \"0\" is not possible; give a time such as 30s, 5m or 2h");
}

static void samples_are_words_or_intervals(void **state)
{
	static const struct option_group recording[] = {{record_options, 0, NULL}, {NULL}};
	static const struct option_syntax syntax = {recording};
	static const struct {
		const char *text, *stored;
	} cases[] = {
		{"auto", "auto"}, {"all", "all"}, {"512K", "524288"}, {"1", "1"},
		{"0", NULL},      {"4.1G", NULL}, {"every", NULL},    {"", NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct record_values record = {};
		char argument[64] = "--sample=", *argv[] = {argument, NULL};
		int n, r;

		strcat(argument, cases[i].text);
		strbuf_reset(&error);
		r = options_parse(&syntax, 1, argv, &record, &n, &error);
		assert_int_equal(r, cases[i].stored ? OPTIONS_DONE : -EINVAL);
		assert_string_equal(record.sample, cases[i].stored ?: "");
	}
}

static void help_lists_every_option_once(void **state)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	options_print_help(groups, out);
	fclose(out);
	assert_string_equal(text, "\nOptions:\n"
				  "  -o, --output=FILE             o\n"
				  "  -q, --quiet                   q\n"
				  "  -v, --verbose                 v\n"
				  "      --fail-on-leak[=SIZE]     l\n"
				  "      --top[=N]                 t\n"
				  "      --duration=T              d\n"
				  "      --older=T                 a\n"
				  "\nShared:\n"
				  "      --format=FORMAT           f\n"
				  "      --min=SIZE                m\n"
				  "  -h, --help                    show this\n");
}

static int free_error(void **state)
{
	strbuf_deinit(&error);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_may_be_joined_or_follow),
		cmocka_unit_test(every_type_is_stored_in_its_place),
		cmocka_unit_test(values_that_may_be_left_out_do_not_take_the_next_word),
		cmocka_unit_test(operands_are_gathered_in_their_order),
		cmocka_unit_test(a_programs_own_options_are_left_alone),
		cmocka_unit_test(a_beginning_is_enough_if_it_is_unambiguous),
		cmocka_unit_test(help_is_everywhere),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(samples_are_words_or_intervals),
		cmocka_unit_test(help_lists_every_option_once),
	};

	return cmocka_run_group_tests(tests, NULL, free_error);
}
