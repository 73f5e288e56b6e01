/* SPDX-License-Identifier: MIT */
/*
 * cmd-arenas.c: `memtrace arenas [TARGET]`: what the allocator holds.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/inspect.h"
#include "cli/stream.h"
#include "cli/target.h"
#include "cli/verb.h"
#include "render/arenas.h"

static const char *const formats[] = {"text", "json", "csv", NULL};
static int (*const renderers[])(const struct profile *, const struct arenas_options *, FILE *) = {
	render_arenas_text, render_arenas_json, render_arenas_csv};
static const char *const sorts[] = {"free", "used", "trimmable", "id", NULL};

struct values {
	int format, sort, color;
	unsigned top;
	bool no_stop, no_symbolize;
	const char *exe;
};

#define AT(member) offsetof(struct values, member)

static const struct option_spec options[] = {
	{"format", 0, "FORMAT", AT(format), &option_choice, "text (default), json or csv", formats},
	{"sort", 0, "KEY", AT(sort), &option_choice,
	 "order by free (and resident, default), used, trimmable or id", sorts},
	{"top", 0, "N", AT(top), &option_count, "only the first N arenas, and the rest in one"},
	{"no-stop", 0, NULL, AT(no_stop), &option_flag,
	 "never stop the process, not even for a moment"},
	{"no-symbolize", 0, NULL, AT(no_symbolize), &option_flag, "addresses instead of names"},
	{"exe", 0, "FILE", AT(exe), &option_text, "where the program of a core file is now"},
	STREAM_COLOR_OPTION(AT(color)),
	{NULL},
};

static const struct option_group groups[] = {{options, 0, "Options"}, {NULL}};

static int complain_no_arenas(const struct profile *profile, const char *name)
{
	const struct arenas *arenas = profile->arenas;

	if (arenas && arenas->refused)
		log_error("arenas: %s: %s; \"memtrace maps\" shows its memory by mapping", name,
			  arenas->refused);
	else
		log_error("arenas: %s: has no allocator that memtrace can read, or has never used "
			  "it; \"memtrace maps\" shows its memory by mapping",
			  name);
	return STATUS_FAILED;
}

static int print_arenas(const struct profile *profile, const struct values *values,
			const char *name)
{
	const struct render_options render = stream_options(values->color, stdout);
	const struct arenas_options arenas = {
		.sort = (enum arenas_sort)values->sort,
		.top = values->top,
		.render = &render,
	};
	int r = profile->arenas && profile->arenas->n_arenas
			? renderers[values->format](profile, &arenas, stdout)
			: -ENODATA;

	if (r == -ENODATA)
		return complain_no_arenas(profile, name);
	return stream_finish("arenas", "the arenas", "try again", r);
}

static int arenas_main(const void *values_, int n_operands, char **operands)
{
	const struct values *values = values_;
	_cleanup_(profile_freep) struct profile *profile = NULL;
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	_cleanup_free_ char *name = NULL;

	if (target_load_exe(operands[0], values->exe, !values->no_symbolize, &profile, &name,
			    &error) < 0) {
		log_error("arenas: %s", strbuf_text(&error));
		return STATUS_FAILED;
	}
	if (n_operands == 0)
		log_notice("arenas: %s", name ?: "the newest session");
	(void)inspect_again(profile, !values->no_stop);
	return print_arenas(profile, values, operands[0] ?: name ?: "that session");
}

const struct verb verb_arenas = {
	.name = "arenas",
	.operands = "[OPTION…] [TARGET]",
	.summary = "show what the allocator holds, and which blocks keep it",
	.description =
		"Shows what malloc holds, arena by arena: what is in use, what is free and resident, what\n"
		"was returned to the kernel, what malloc_trim would give back, and which blocks keep free\n"
		"memory from going back. TARGET is a PID, with the agent in it or not, a session file or a\n"
		"core file. Without it the newest session of this user is taken.\n",
	.syntax = {groups},
	.values_size = sizeof(struct values),
	.max_operands = 1,
	.main = arenas_main,
};
