/* SPDX-License-Identifier: MIT */
/*
 * census-options.c: see the header.
 */
#include "cli/census-options.h"

#include <errno.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "cli/explain-core.h"
#include "cli/print.h"
#include "cli/target.h"
#include "cli/verb.h"

static const char *const formats[] = {"text", "json", "csv", NULL};
static const char *const colors[] = {"auto", "always", "never", NULL};

#define AT(member) offsetof(struct census_values, member)

const struct option_spec census_options[] = {
	{"format", 0, "FORMAT", AT(format), &option_choice, "text (default), json or csv", formats},
	{"top", 0, "N", AT(top), &option_count, "the first N lines (25 in text, all elsewhere)"},
	{"grep", 0, "REGEX", AT(grep), &option_text, "only what the extended expression matches"},
	{"no-stop", 0, NULL, AT(no_stop), &option_flag,
	 "never stop the process, not even where it changes too quickly"},
	{"exe", 0, "FILE", AT(exe), &option_text, "where the program of a core file is now"},
	{"color", 0, "WHEN", AT(color), &option_choice,
	 "auto (default: on a terminal, unless NO_COLOR is set), always or never", colors},
	{NULL},
};

size_t census_count(const struct census_values *values)
{
	if (values->top)
		return values->top;
	return values->format ? SIZE_MAX : CENSUS_TOP;
}

int census_open(const char *verb, const char *target, const struct census_values *values,
		struct space *ret)
{
	_cleanup_(strbuf_deinit) struct strbuf error = {};

	if (target_open_space(target, values->exe, false, ret, &error) >= 0)
		return STATUS_DONE;
	log_error("%s: %s", verb, strbuf_text(&error));
	return STATUS_FAILED;
}

int census_describe(const struct space *space, struct census *census)
{
	const struct procinfo *info = space->info;

	census->pid = (uint32_t)info->pid;
	census->is_core = space->core;
	census->comm = strdup(info->comm);
	census->exe = info->exe ? strdup(info->exe) : NULL;
	return census->comm && (census->exe || !info->exe) ? 0 : -ENOMEM;
}

int census_print(const char *verb, const struct census_values *values,
		 const census_renderer renderers[3], const struct census *census)
{
	const struct render_options options = {
		.since_s = -1,
		.older_s = -1,
		.colour = print_use_colour(values->color, stdout),
		.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
		.width = print_width(stdout),
	};
	int r = renderers[values->format](census, &options, stdout);

	if (r < 0 && !ferror(stdout)) {
		log_error("%s: the result cannot be drawn: %s; try with less (--top)", verb,
			  strerror(-r));
		return STATUS_FAILED;
	}
	return verb_finish_output();
}

int census_compile(const char *verb, const struct census_values *values, regex_t *ret,
		   bool *ret_given)
{
	char why[128];
	int r;

	*ret_given = false;
	if (!values->grep)
		return STATUS_DONE;
	r = regcomp(ret, values->grep, REG_EXTENDED | REG_NOSUB);
	if (r == 0) {
		*ret_given = true;
		return STATUS_DONE;
	}
	regerror(r, ret, why, sizeof(why));
	log_error("%s: --grep=%s: %s; see regex(7)", verb, values->grep, why);
	return STATUS_USAGE;
}
