/* SPDX-License-Identifier: MIT */
/*
 * cmd-diff.c: `memtrace diff OLD NEW`: what grew between two sessions, snapshots, or a session and the
 * process as it is now.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/at.h"
#include "cli/stream.h"
#include "cli/target.h"
#include "cli/verb.h"
#include "profile/diff.h"
#include "render/diff.h"

enum { FORMAT_TEXT, FORMAT_JSON };

struct values {
	int format, color;
	unsigned top, depth;
	bool top_given, no_symbolize;
	uint64_t min_bytes;
	const char *grep;
	const char *at, *to;
};

static const char *const formats[] = {"text", "json", NULL};

#define AT(member) offsetof(struct values, member)

static const struct option_spec options[] = {
	{"format", 0, "FORMAT", AT(format), &option_choice, "text (default) or json", formats},
	{"top", 0, "[=N]", AT(top), &option_count, "only the N greatest changes (10)",
	 .set_offset = AT(top_given), .if_left_out = 10},
	{"depth", 0, "N", AT(depth), &option_count, "at most N frames of each stack"},
	{"min", 0, "SIZE", AT(min_bytes), &option_size, "leave out changes of less than SIZE"},
	{"grep", 0, "REGEX", AT(grep), &option_text,
	 "only sites with a frame that matches the extended expression"},
	{"at", 0, "T", AT(at), &option_text,
	 "OLD as it was at a moment: 90s after the start, -5m before the end, peak, peak-rss or mark:NAME"},
	{"to", 0, "T", AT(to), &option_text, "NEW as it was at a moment"},
	{"no-symbolize", 0, NULL, AT(no_symbolize), &option_flag, "addresses instead of names"},
	STREAM_COLOR_OPTION(AT(color)),
	{NULL},
};

static const struct option_group groups[] = {{options, 0, "Options"}, {NULL}};

static int draw(const struct profile *old, const struct profile *new, const struct values *values,
		const regex_t *grep)
{
	struct render_options drawn = stream_options(values->color, stdout);
	_cleanup_(diff_deinit) struct diff diff = {};
	int r = diff_make(old, new, &diff);

	drawn.top = values->top;
	drawn.depth = values->depth;
	drawn.min_bytes = values->min_bytes;
	drawn.grep = grep;
	if (r >= 0)
		r = values->format == FORMAT_JSON
			    ? render_diff_json(old, new, &diff, &drawn, stdout)
			    : render_diff_text(old, new, &diff, &drawn, stdout);
	return stream_finish("diff", "the change", "try with less (--top)", r);
}

static int load(const char *target, const char *at, const struct values *values,
		struct profile **ret, struct strbuf *error)
{
	_cleanup_free_ char *name = NULL;
	int r = target_load(target, !values->no_symbolize, ret, &name, error);

	if (r >= 0 && at)
		r = at_go_to("diff", at, *ret, error);
	return r;
}

/* What can be said before anything is read. */
static int check(const struct values *values, int n_operands)
{
	_cleanup_(strbuf_deinit) struct strbuf error = {};

	if (n_operands < 2 && !values->at && !values->to)
		strbuf_adds(&error,
			    "NEW is missing; give two sessions, or moments of one with --at=T");
	else if (values->at)
		(void)at_check(values->at, &error);
	if (error.length == 0 && values->to)
		(void)at_check(values->to, &error);
	if (error.length == 0)
		return STATUS_DONE;
	log_error("diff: %s", strbuf_text(&error));
	return STATUS_USAGE;
}

static int diff_main(const void *values_, int n_operands, char **operands)
{
	const struct values *values = values_;
	_cleanup_(profile_freep) struct profile *old = NULL, *new = NULL;
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	const char *newer = operands[n_operands > 1];
	regex_t grep;
	int status = check(values, n_operands);

	if (status == STATUS_DONE && values->grep)
		status = stream_compile_grep("diff", values->grep, &grep);
	if (status != STATUS_DONE)
		return status;
	if (load(operands[0], values->at, values, &old, &error) < 0 ||
	    load(newer, values->to, values, &new, &error) < 0) {
		log_error("diff: %s", strbuf_text(&error));
		status = STATUS_FAILED;
	} else {
		status = draw(old, new, values, values->grep ? &grep : NULL);
	}
	if (values->grep)
		regfree(&grep);
	return status;
}

const struct verb verb_diff = {
	.name = "diff",
	.operands = "[OPTION…] OLD [NEW]",
	.summary = "show what grew between two sessions or snapshots",
	.description =
		"Shows which places hold more and which hold less in NEW than in OLD. Each is a session\n"
		"file, a core file, or the PID of a process as it is now. Places are the same if their\n"
		"stacks are; those of a program that was rebuilt, if the functions on their stacks are.\n"
		"With --at and --to they can be two moments of one session.\n",
	.syntax = {groups},
	.values_size = sizeof(struct values),
	.min_operands = 1,
	.max_operands = 2,
	.main = diff_main,
};
