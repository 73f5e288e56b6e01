/* SPDX-License-Identifier: MIT */
/*
 * A command line from anywhere: the words are separated by zero bytes, the first byte says whether the
 * first operand ends the options. What must hold: operands are words of the line in their order, values
 * are within their bounds, and a refusal says why in one line.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "cli/options.h"
#include "cli/record-options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N_WORDS = 64 };

struct values {
	struct record_values record;
	int format;
	unsigned top;
	uint64_t leak_bytes;
	double older_s;
	bool leak_given;
};

static const char *const formats[] = {"text", "json", NULL};

#define AT(member) offsetof(struct values, member)

static const struct option_spec options[] = {
	{"format", 'f', "FORMAT", AT(format), &option_choice, "", formats},
	{"top", 0, "[=N]", AT(top), &option_count, "", .if_left_out = 10},
	{"fail-on-leak", 0, "[=SIZE]", AT(leak_bytes), &option_size, "",
	 .set_offset = AT(leak_given)},
	{"older", 0, "T", AT(older_s), &option_age, ""},
	{NULL},
};

static const struct option_group groups[] = {
	{record_options, AT(record), "Options"},
	{options, 0, NULL},
	{NULL},
};

static void check(bool condition)
{
	if (!condition)
		abort();
}

static void check_values(const struct values *values, int n_operands, char **operands, char **words,
			 int n_words)
{
	int next = 0;

	check(values->format >= 0 && values->format <= 1);
	check(values->older_s >= 0);
	check(strlen(values->record.sample) < RECORD_SAMPLE_MAX);
	check(values->record.max_memory == 0 || values->record.max_memory >= RECORD_MIN_MEMORY);
	check(!values->record.output || values->record.output[0]);
	for (int i = 0; i < n_operands; i++, next++) {
		while (next < n_words && words[next] != operands[i])
			next++;
		check(next < n_words);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line, *words[N_WORDS + 1] = {0}, *operands[N_WORDS + 1] = {0};
	struct strbuf error = {0};
	struct values values = {0};
	const struct option_syntax syntax = {groups, size > 0 && (data[0] & 1)};
	int n = 0, n_operands = -1, r;

	if (size == 0)
		return 0;
	line = malloc(size);
	if (!line)
		return 0;
	memcpy(line, data + 1, size - 1);
	line[size - 1] = 0;
	for (char *word = line; word < line + size && n < N_WORDS; word += strlen(word) + 1)
		words[n++] = word;
	memcpy(operands, words, sizeof(words));

	r = options_parse(&syntax, n, operands, &values, &n_operands, &error);
	if (r == OPTIONS_DONE) {
		check(error.length == 0 && n_operands >= 0 && n_operands <= n);
		check_values(&values, n_operands, operands, words, n);
	} else if (r != OPTIONS_HELP) {
		check(r == -EINVAL && error.length > 0);
	}
	strbuf_deinit(&error);
	free(line);
	return 0;
}
