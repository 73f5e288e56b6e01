/* SPDX-License-Identifier: MIT */
/*
 * options.c: the parser of the command line. It walks argv once; each argument is an operand, a long
 * option, a bundle of short ones, or the value of the one before. Operands are gathered at the front of
 * argv in their order: the write index never passes the read index, so that it is done in place.
 *
 * All that can go wrong is said in one line that ends in a way out: the option that was probably meant,
 * the values that there are, or an example of a good one.
 */
#include "cli/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "cli/suggest.h"

struct parser {
	const struct option_group *groups;
	int argc, next;
	char **argv;
	char *values;
	struct strbuf *error;
};

/* One step of the walk over all options of all groups. */
struct cursor {
	const struct option_group *group;
	const struct option_spec *spec; /* NULL at the end */
};

static struct cursor cursor_settle(struct cursor at)
{
	while (!at.spec->name) {
		at.group++;
		at.spec = at.group->specs;
		if (!at.spec)
			break;
	}
	return at;
}

static struct cursor cursor_first(const struct option_group *groups)
{
	struct cursor at = {groups, groups->specs};

	return at.spec ? cursor_settle(at) : at;
}

static struct cursor cursor_next(struct cursor at)
{
	at.spec++;
	return cursor_settle(at);
}

static bool may_be_left_out(const struct option_spec *spec)
{
	return spec->value && spec->value[0] == '[';
}

static int parse_flag(const struct option_spec *spec, const char *text, void *place)
{
	*(bool *)place = true;
	return 0;
}

static int parse_text(const struct option_spec *spec, const char *text, void *place)
{
	if (!text[0])
		return -EINVAL;
	*(const char **)place = text;
	return 0;
}

static int parse_size(const struct option_spec *spec, const char *text, void *place)
{
	if (!text) {
		*(uint64_t *)place = spec->if_left_out;
		return 0;
	}
	return units_parse_size(text, place);
}

static int parse_duration(const struct option_spec *spec, const char *text, void *place)
{
	uint64_t ns;
	int r = units_parse_duration(text, &ns);

	if (r < 0)
		return r;
	if (ns == 0)
		return -EINVAL;
	*(uint64_t *)place = ns;
	return 0;
}

static int parse_age(const struct option_spec *spec, const char *text, void *place)
{
	uint64_t ns;
	int r = units_parse_duration(text, &ns);

	if (r < 0)
		return r;
	*(double *)place = (double)ns / 1e9;
	return 0;
}

static int parse_count(const struct option_spec *spec, const char *text, void *place)
{
	unsigned long n;
	char *end;

	if (!text) {
		*(unsigned *)place = (unsigned)spec->if_left_out;
		return 0;
	}
	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || n == 0 || n > 1000000000ul)
		return -EINVAL;
	*(unsigned *)place = (unsigned)n;
	return 0;
}

static int parse_choice(const struct option_spec *spec, const char *text, void *place)
{
	for (int i = 0; spec->choices[i]; i++)
		if (strcmp(text, spec->choices[i]) == 0) {
			*(int *)place = i;
			return 0;
		}
	return -EINVAL;
}

const struct option_type option_flag = {false, NULL, parse_flag};
const struct option_type option_text = {true, "something", parse_text};
const struct option_type option_size = {true, "a size such as 64K, 1.5M or 2G", parse_size};
const struct option_type option_duration = {true, "a time such as 30s, 5m or 2h", parse_duration};
const struct option_type option_age = {true, "a time such as 30s, 5m or 2h", parse_age};
const struct option_type option_count = {true, "a number from 1 on", parse_count};
const struct option_type option_choice = {true, NULL, parse_choice};

static int complain_value(struct parser *parser, const struct option_spec *spec, const char *text)
{
	strbuf_addf(parser->error, "--%s: \"%s\" is not possible; give ", spec->name, text);
	if (!spec->choices)
		strbuf_adds(parser->error, spec->type->expects);
	for (int i = 0; spec->choices && spec->choices[i]; i++) {
		const char *separator = i == 0 ? "" : spec->choices[i + 1] ? ", " : " or ";

		strbuf_addf(parser->error, "%s%s", separator, spec->choices[i]);
	}
	return parser->error->error ?: -EINVAL;
}

static int store(struct parser *parser, struct cursor at, const char *text)
{
	char *base = parser->values + at.group->offset;
	int r = at.spec->type->parse(at.spec, text, base + at.spec->offset);

	if (r < 0)
		return complain_value(parser, at.spec, text ?: "");
	if (at.spec->set_offset)
		*(bool *)(base + at.spec->set_offset) = true;
	return 0;
}

/* text is the value that was joined to the option, or NULL. */
static int store_or_take_next(struct parser *parser, struct cursor at, const char *text)
{
	const struct option_spec *spec = at.spec;

	if (!text && spec->type->has_value && !may_be_left_out(spec)) {
		if (parser->next >= parser->argc) {
			strbuf_addf(parser->error, "--%s: %s is missing; write --%s=%s", spec->name,
				    spec->value, spec->name, spec->value);
			return parser->error->error ?: -EINVAL;
		}
		text = parser->argv[parser->next++];
	}
	return store(parser, at, text);
}

static int complain_unknown(struct parser *parser, const char *name, size_t length)
{
	struct suggestion suggestion = {};
	char word[64];

	if (length < sizeof(word)) {
		memcpy(word, name, length);
		word[length] = 0;
		for (struct cursor at = cursor_first(parser->groups); at.spec; at = cursor_next(at))
			suggestion_offer(&suggestion, word, at.spec->name);
		suggestion_offer(&suggestion, word, "help");
	}
	strbuf_addf(parser->error, "--%.*s: there is no such option; ", (int)MIN(length, 64u),
		    name);
	if (suggestion.name)
		strbuf_addf(parser->error, "did you mean --%s?", suggestion.name);
	else
		strbuf_adds(parser->error, "--help lists them");
	return parser->error->error ?: -EINVAL;
}

/*
 * The option of that name, or the only one that begins so. Returns 1, 0 if there is none, -EINVAL if
 * several begin so.
 */
static int find_long(struct parser *parser, const char *name, size_t length, struct cursor *ret)
{
	struct cursor found = {};
	const char *other = NULL;

	for (struct cursor at = cursor_first(parser->groups); at.spec; at = cursor_next(at)) {
		if (strncmp(at.spec->name, name, length) != 0)
			continue;
		if (!at.spec->name[length]) {
			*ret = at;
			return 1;
		}
		if (found.spec)
			other = at.spec->name;
		else
			found = at;
	}
	if (length == 0 || !found.spec)
		return 0;
	if (other) {
		strbuf_addf(parser->error, "--%.*s: can be --%s and --%s; write it out",
			    (int)MIN(length, 64u), name, found.spec->name, other);
		return parser->error->error ?: -EINVAL;
	}
	*ret = found;
	return 1;
}

static int parse_long(struct parser *parser, const char *name)
{
	size_t length = strcspn(name, "=");
	const char *text = name[length] ? name + length + 1 : NULL;
	struct cursor at = {};
	int r;

	if (strcmp(name, "help") == 0)
		return OPTIONS_HELP;
	r = find_long(parser, name, length, &at);
	if (r < 0)
		return r;
	if (r == 0 || !at.spec)
		return complain_unknown(parser, name, length);
	if (text && !at.spec->type->has_value) {
		strbuf_addf(parser->error, "--%s: takes no value; write --%s", at.spec->name,
			    at.spec->name);
		return parser->error->error ?: -EINVAL;
	}
	return store_or_take_next(parser, at, text);
}

static int parse_letters(struct parser *parser, const char *letters)
{
	for (; *letters; letters++) {
		struct cursor found = {};
		int r;

		if (*letters == 'h')
			return OPTIONS_HELP;
		for (struct cursor at = cursor_first(parser->groups); at.spec && !found.spec;
		     at = cursor_next(at))
			if (at.spec->letter == *letters)
				found = at;
		if (!found.spec) {
			strbuf_addf(parser->error,
				    "-%c: there is no such option; --help lists them", *letters);
			return parser->error->error ?: -EINVAL;
		}
		if (found.spec->type->has_value) {
			const char *rest = letters + 1;

			return store_or_take_next(parser, found, *rest ? rest : NULL);
		}
		r = store(parser, found, NULL);
		if (r < 0)
			return r;
	}
	return OPTIONS_DONE;
}

int options_parse(const struct option_syntax *syntax, int argc, char **argv, void *values,
		  int *ret_n_operands, struct strbuf *error)
{
	struct parser parser = {syntax->groups, argc, 0, argv, values, error};
	int n_operands = 0;
	bool ended = false;

	while (parser.next < argc) {
		char *argument = argv[parser.next++];
		int r;

		if (ended || argument[0] != '-' || !argument[1]) {
			argv[n_operands++] = argument;
			ended |= syntax->stop_at_operand;
			continue;
		}
		if (strcmp(argument, "--") == 0) {
			ended = true;
			continue;
		}
		r = argument[1] == '-' ? parse_long(&parser, argument + 2)
				       : parse_letters(&parser, argument + 1);
		if (r != OPTIONS_DONE)
			return r;
	}
	*ret_n_operands = n_operands;
	return OPTIONS_DONE;
}

static int help_left(const struct option_spec *spec, char *buffer, size_t size)
{
	const char *value = spec->value ?: "";
	const char *joint = !spec->value || may_be_left_out(spec) ? "" : "=";

	if (spec->letter)
		return snprintf(buffer, size, "  -%c, --%s%s%s", spec->letter, spec->name, joint,
				value);
	return snprintf(buffer, size, "      --%s%s%s", spec->name, joint, value);
}

void options_print_help(const struct option_group *groups, FILE *out)
{
	static const struct option_spec help = {"help", 'h', NULL, 0, &option_flag, "show this"};
	const struct option_group *last = NULL;
	enum { COLUMN = 32 };
	char left[128];

	for (struct cursor at = cursor_first(groups); at.spec; at = cursor_next(at)) {
		int length = help_left(at.spec, left, sizeof(left));

		if (at.group != last && at.group->title)
			fprintf(out, "\n%s:\n", at.group->title);
		last = at.group;
		if (length >= COLUMN)
			fprintf(out, "%s\n%*s%s\n", left, COLUMN, "", at.spec->help);
		else
			fprintf(out, "%-*s%s\n", COLUMN, left, at.spec->help);
	}
	help_left(&help, left, sizeof(left));
	fprintf(out, "%s%-*s%s\n", last ? "" : "\nOptions:\n", COLUMN, left, help.help);
}
