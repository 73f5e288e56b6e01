/* SPDX-License-Identifier: MIT */
/*
 * main.c: the verbs of memtrace, in the order in which help lists them.
 */
#include "cli/verb.h"

/* clang-format off */
static const struct verb *const verbs[] = {
	&verb_run,
	&verb_report,
	&verb_top,
	&verb_maps,
	&verb_arenas,
	&verb_trim,
	&verb_objects,
	&verb_strings,
	&verb_attach,
	&verb_snapshot,
	&verb_watch,
	&verb_diff,
	&verb_compare,
	&verb_ps,
	&verb_detach,
	&verb_help,
	NULL,
};
/* clang-format on */

int main(int argc, char **argv)
{
	return verb_dispatch(verbs, argc, argv);
}
