/* SPDX-License-Identifier: MIT */
/*
 * verb.h: what a verb is: a constant at the end of its cmd-*.c. The frame around it (options, --help,
 * usage errors, exit statuses) is the same for all and stands in verb.c.
 */
#ifndef CLI_VERB_H
#define CLI_VERB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cli/options.h"

/* What memtrace exits with, unless `run` passes on its program's status. */
enum {
	STATUS_DONE = 0,
	STATUS_FAILED = 1, /* could not do it; one line on stderr said what, why and the way out */
	STATUS_USAGE = 2,
	STATUS_LEAK = 99, /* run --fail-on-leak */
};

struct verb {
	const char *name;
	const char *operands;    /* as in the usage line: "[OPTION…] PID" */
	const char *summary;     /* one line, lower case, for the list of verbs */
	const char *description; /* a few lines for --help, each ending in a newline */
	struct option_syntax syntax;
	size_t values_size;             /* of the struct that the options are stored in */
	const void *defaults;           /* what that struct is at first; NULL: zeros */
	int min_operands, max_operands; /* max -1: any number */
	/* Returns the exit status. operands is NULL terminated. */
	int (*main)(const void *values, int n_operands, char **operands);
};

/* Finds the verb that argv[1] names in the table, which ends with NULL, and runs it. */
int verb_dispatch(const struct verb *const *verbs, int argc, char **argv);

/* For `help`: the table that verb_dispatch was given. */
const struct verb *verb_find(const char *name);
int verb_print_overview(FILE *out);
int verb_print_help(const struct verb *verb, FILE *out);
/* One line: the verb is unknown, and which one may have been meant. Returns STATUS_USAGE. */
int verb_complain_unknown(const char *name);

/* Flushes stdout: STATUS_DONE, or one line and STATUS_FAILED if what was printed did not arrive. */
int verb_finish_output(void);

/* clang-format off */
extern const struct verb
	verb_run,
	verb_report,
	verb_top,
	verb_maps,
	verb_arenas,
	verb_trim,
	verb_objects,
	verb_strings,
	verb_attach,
	verb_snapshot,
	verb_watch,
	verb_diff,
	verb_compare,
	verb_ps,
	verb_detach,
	verb_help;
/* clang-format on */

#endif
