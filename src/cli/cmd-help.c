/* SPDX-License-Identifier: MIT */
/*
 * cmd-help.c: `memtrace help [VERB]`: the list of verbs, or what `memtrace VERB --help` prints.
 */
#include "cli/verb.h"

static const struct option_group groups[] = {{NULL}};

static int help_main(const void *values, int n_operands, char **operands)
{
	const struct verb *verb;

	if (n_operands == 0) {
		verb_print_overview(stdout);
		return verb_finish_output();
	}
	verb = verb_find(operands[0]);
	if (!verb)
		return verb_complain_unknown(operands[0]);
	verb_print_help(verb, stdout);
	return verb_finish_output();
}

const struct verb verb_help = {
	.name = "help",
	.operands = "[VERB]",
	.summary = "list the verbs, or show the help of one",
	.description = "Lists the verbs, or shows the options of VERB.\n",
	.syntax = {groups},
	.max_operands = 1,
	.main = help_main,
};
