/* SPDX-License-Identifier: MIT */
/*
 * census-options.c: see the header.
 */
#include "cli/census-options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "cli/explain-core.h"
#include "cli/stream.h"
#include "cli/target.h"
#include "cli/verb.h"

static const char *const formats[] = {"text", "json", "csv", NULL};

#define AT(member) offsetof(struct census_values, member)

const struct option_spec census_options[] = {
	{"format", 0, "FORMAT", AT(format), &option_choice, "text (default), json or csv", formats},
	{"top", 0, "N", AT(top), &option_count, "the first N lines (25 in text, all elsewhere)"},
	{"grep", 0, "REGEX", AT(grep), &option_text, "only what the extended expression matches"},
	{"no-stop", 0, NULL, AT(no_stop), &option_flag,
	 "never stop the process, not even where it changes too quickly"},
	{"exe", 0, "FILE", AT(exe), &option_text, "where the program of a core file is now"},
	STREAM_COLOR_OPTION(AT(color)),
	{NULL},
};

size_t census_count(const struct census_values *values)
{
	if (values->top)
		return values->top;
	return values->format ? SIZE_MAX : CENSUS_TOP;
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
	const struct render_options options = stream_options(values->color, stdout);
	int r = renderers[values->format](census, &options, stdout);

	return stream_finish(verb, "the result", "try with less (--top)", r);
}

static int open_and_count(const char *verb, const char *target, const struct census_values *census,
			  census_counter count, const void *values, const regex_t *grep)
{
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	_cleanup_(space_deinit) struct space space = {};

	if (target_open_space(target, census->exe, false, &space, &error) < 0) {
		log_error("%s: %s", verb, strbuf_text(&error));
		return STATUS_FAILED;
	}
	return count(values, target, &space, grep);
}

int census_main(const char *verb, const char *target, const struct census_values *census,
		census_counter count, const void *values)
{
	regex_t grep;
	int status;

	if (!census->grep)
		return open_and_count(verb, target, census, count, values, NULL);
	status = stream_compile_grep(verb, census->grep, &grep);
	if (status != STATUS_DONE)
		return status;
	status = open_and_count(verb, target, census, count, values, &grep);
	regfree(&grep);
	return status;
}
