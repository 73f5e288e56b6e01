/* SPDX-License-Identifier: MIT */
/*
 * verb.c: the frame around the verbs. A verb's main is entered with its options stored and its operands
 * counted; whatever is wrong with the command line ends here, with status 2.
 */
#include "cli/verb.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/progress-line.h"
#include "cli/suggest.h"

static const struct verb *const *all_verbs;

const struct verb *verb_find(const char *name)
{
	for (const struct verb *const *verb = all_verbs; *verb; verb++)
		if (strcmp((*verb)->name, name) == 0)
			return *verb;
	return NULL;
}

int verb_finish_output(void)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return STATUS_DONE;
	log_error("standard output: %s; not everything was printed", strerror(errno ?: EIO));
	return STATUS_FAILED;
}

int verb_print_overview(FILE *out)
{
	fputs("Usage: memtrace VERB [OPTION…] [TARGET]\n"
	      "\n"
	      "Finds out where the native memory of a program goes.\n"
	      "\n"
	      "Verbs:\n",
	      out);
	for (const struct verb *const *verb = all_verbs; *verb; verb++)
		fprintf(out, "  %-10s%s\n", (*verb)->name, (*verb)->summary);
	fputs("\n"
	      "TARGET is a PID, a session file, or a core file. Without it the newest session of this\n"
	      "user is taken.\n"
	      "\n"
	      "Options:\n"
	      "  -h, --help      show this\n"
	      "  -V, --version   show the version\n"
	      "\n"
	      "Begin with:\n"
	      "  memtrace run ./program\n"
	      "  memtrace report\n"
	      "\n"
	      "`memtrace VERB --help` and memtrace-VERB(1) say more of a verb.\n",
	      out);
	return STATUS_DONE;
}

int verb_print_help(const struct verb *verb, FILE *out)
{
	fprintf(out, "Usage: memtrace %s %s\n\n%s", verb->name, verb->operands, verb->description);
	options_print_help(verb->syntax.groups, out);
	return STATUS_DONE;
}

int verb_complain_unknown(const char *name)
{
	struct suggestion suggestion = {};

	for (const struct verb *const *verb = all_verbs; *verb; verb++)
		suggestion_offer(&suggestion, name, (*verb)->name);
	if (suggestion.name)
		log_error("%s: there is no such verb; did you mean \"memtrace %s\"?", name,
			  suggestion.name);
	else
		log_error("%s: there is no such verb; \"memtrace help\" lists them", name);
	return STATUS_USAGE;
}

static int verb_check_operands(const struct verb *verb, int n, char **operands)
{
	if (n < verb->min_operands)
		log_error("%s: something is missing; usage: memtrace %s %s", verb->name, verb->name,
			  verb->operands);
	else if (verb->max_operands >= 0 && n > verb->max_operands)
		log_error("%s: \"%s\" is too much; usage: memtrace %s %s", verb->name,
			  operands[verb->max_operands], verb->name, verb->operands);
	else
		return STATUS_DONE;
	return STATUS_USAGE;
}

static int verb_main(const struct verb *verb, int argc, char **argv)
{
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	_cleanup_free_ void *values = calloc(1, verb->values_size ?: 1);
	int n_operands = 0, r;

	if (!values) {
		log_error("%s: no memory; nothing was done", verb->name);
		return STATUS_FAILED;
	}
	if (verb->defaults)
		memcpy(values, verb->defaults, verb->values_size);
	r = options_parse(&verb->syntax, argc, argv, values, &n_operands, &error);
	if (r < 0) {
		log_error("%s: %s", verb->name, error.error ? "no memory" : strbuf_text(&error));
		return r == -ENOMEM ? STATUS_FAILED : STATUS_USAGE;
	}
	if (r == OPTIONS_HELP) {
		verb_print_help(verb, stdout);
		return verb_finish_output();
	}
	r = verb_check_operands(verb, n_operands, argv);
	if (r != STATUS_DONE)
		return r;
	argv[n_operands] = NULL;
	return verb->main(values, n_operands, argv);
}

int verb_dispatch(const struct verb *const *verbs, int argc, char **argv)
{
	const struct verb *verb;

	all_verbs = verbs;
	setlocale(LC_CTYPE, "");
	if (argc < 2) {
		verb_print_overview(stderr);
		return STATUS_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		puts("memtrace " MEMTRACE_VERSION);
		return verb_finish_output();
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		verb_print_overview(stdout);
		return verb_finish_output();
	}
	if (argv[1][0] == '-') {
		log_error("%s: a verb comes first; \"memtrace help\" lists them", argv[1]);
		return STATUS_USAGE;
	}
	verb = verb_find(argv[1]);
	if (!verb)
		return verb_complain_unknown(argv[1]);
	progress_line_install();
	return verb_main(verb, argc - 2, argv + 2);
}
