/* SPDX-License-Identifier: MIT */
/*
 * options.h: one table a verb, from which the command line is parsed, --help is printed and the man
 * page is checked.
 *
 *	struct values { const char *output; uint64_t duration_ns; bool quiet; };
 *	static const struct option_spec options[] = {
 *		{ "output", 'o', "FILE", offsetof(struct values, output), &option_text, "write to FILE" },
 *		{ "duration", 0, "T", offsetof(struct values, duration_ns), &option_duration, "…" },
 *		{ "quiet", 'q', NULL, offsetof(struct values, quiet), &option_flag, "…" },
 *		{ NULL },
 *	};
 *
 * The syntax is that of git and util-linux: `--name VALUE`, `--name=VALUE`, `-n VALUE`, `-nVALUE`, flags
 * of one letter together, `--` ends the options, an unambiguous beginning of a long name is enough, the
 * last of two wins. A value that may be left out must be joined with `=`. `-h` and `--help` are
 * everywhere.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/strbuf.h"

struct option_spec;

/* How a value is read: into the place that the table names, in the type that stands here. */
struct option_type {
	bool has_value;
	const char *expects; /* "a size such as 64K"; NULL where the choices say it */
	/* 0 or a negative errno; writes only on success. text is NULL for a flag or a value left out. */
	int (*parse)(const struct option_spec *spec, const char *text, void *place);
};

extern const struct option_type option_flag; /* bool */
extern const struct option_type option_text; /* const char *, not empty; lives as long as argv */
extern const struct option_type option_size; /* uint64_t, bytes */
extern const struct option_type option_duration; /* uint64_t, nanoseconds, not 0 */
extern const struct option_type option_age;      /* double, seconds */
extern const struct option_type option_count;    /* unsigned, not 0 */
extern const struct option_type option_choice;   /* int, the index in choices */

struct option_spec {
	const char *name;  /* long, without dashes; NULL ends a table */
	char letter;       /* 0 if there is none */
	const char *value; /* what help calls the value; NULL for a flag; "[=N]" may be left out */
	size_t offset;     /* in the struct of values */
	const struct option_type *type;
	const char *help;
	const char *const *choices; /* option_choice; NULL terminated */
	size_t set_offset;          /* of a bool that says "was given"; 0 if nobody asks */
	uint64_t if_left_out;       /* option_size, option_count: the value of a bare --name */
};

/* Tables that verbs share are laid into the verb's struct of values at offset. */
struct option_group {
	const struct option_spec *specs; /* NULL ends the array */
	size_t offset;
	const char *title; /* for --help; NULL continues the group before */
};

enum options_result {
	OPTIONS_DONE,
	OPTIONS_HELP, /* -h or --help was met; nothing behind it was looked at */
};

struct option_syntax {
	const struct option_group *groups;
	bool stop_at_operand; /* everything from the first operand on is one, as `run` needs it */
};

/*
 * Parses argv[0..argc) (without program and verb). Operands are moved to the front of argv and counted
 * in ret_n_operands. Returns enum options_result, or -EINVAL and one line in error that says what is
 * wrong and what was meant, or -ENOMEM.
 */
int options_parse(const struct option_syntax *syntax, int argc, char **argv, void *values,
		  int *ret_n_operands, struct strbuf *error);

/* The options part of --help: two columns, a title a group. */
void options_print_help(const struct option_group *groups, FILE *out);

#endif
