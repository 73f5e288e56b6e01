/* SPDX-License-Identifier: MIT */
/*
 * top-head.c: the lines above every view: the process, its figures, the verdict, the views' names; and the
 * page of keys.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/units.h"
#include "cli/top.h"
#include "profile/estimate.h"
#include "profile/label.h"
#include "render/words.h"

static int add_figure(struct top_lines *lines, const char *label, uint64_t bytes)
{
	char text[UNITS_MAX];

	if (bytes == PROFILE_UNKNOWN)
		return 0;
	top_lines_add(lines, TOP_DIM, "  %s ", label);
	return top_lines_add(lines, TOP_STRONG, "%s", units_format_bytes(bytes, text));
}

/* What the agent costs, and what it has missed. */
static void add_agent(const struct profile_agent *agent, struct top_lines *lines)
{
	if (agent->mode == MT_MODE_NONE) {
		top_lines_add(lines, TOP_DIM, "  no agent");
		return;
	}
	add_figure(lines, "own", agent->own_bytes);
	if (agent->overhead_ratio >= 0)
		top_lines_add(lines, TOP_DIM, ", %.1f %% of its CPU time",
			      agent->overhead_ratio * 100);
	if (agent->lost_allocations || agent->lost_frees)
		top_lines_add(lines, TOP_BAD, "  lost %" PRIu64,
			      agent->lost_allocations + agent->lost_frees);
}

static int add_process(struct top *top, struct top_lines *lines)
{
	const struct profile *profile = top->shot->profile;
	const struct profile_process *process = &profile->process;
	_cleanup_(strbuf_deinit) struct strbuf text = {};

	label_add_clean(&text, process->comm ?: "process");
	top_lines_begin(lines, TOP_NO_ITEM);
	top_lines_add(lines, TOP_STRONG, "%s", strbuf_text(&text));
	strbuf_reset(&text);
	words_add_duration(&text, &top->options, process->captured_at - process->started_at);
	top_lines_add(lines, TOP_PLAIN, " (pid %u)  %s%s%s", process->pid,
		      top->ended                          ? "ended after "
		      : process->state == PROFILE_RUNNING ? "up "
							  : "seen after ",
		      strbuf_text(&text), top->paused ? "  PAUSED" : "");
	add_figure(lines, "limit", process->cgroup_limit);
	add_agent(&profile->agent, lines);
	return 0;
}

static int add_growth(struct top *top, struct top_lines *lines)
{
	const struct top_growth growth = top_total_growth(top);
	char text[TOP_GROWTH_MAX];

	if (isnan(growth.slope))
		return 0;
	top_lines_add(lines, TOP_DIM, "  growth ");
	if (!*top_format_growth(&growth, text))
		snprintf(text, sizeof(text), "none");
	return top_lines_add(lines, growth.sure > 1024 ? TOP_BAD : TOP_STRONG, "%s", text);
}

static int add_figures(struct top *top, struct top_lines *lines)
{
	const struct profile *profile = top->shot->profile;
	const struct top_moment *now = &top->history[top->n_history - 1];
	char text[UNITS_MAX];

	top_lines_begin(lines, TOP_NO_ITEM);
	top_lines_add(lines, TOP_PLAIN, "%s", "");
	add_figure(lines, "rss", now->rss);
	add_figure(lines, "live", now->live);
	if (profile->agent.mode != MT_MODE_NONE && profile->heap.live_stderr >= 0.5)
		top_lines_add(lines, TOP_DIM, " %s %s", top->options.utf8 ? "±" : "+-",
			      units_format_bytes(estimate_round(profile->heap.live_stderr), text));
	add_figure(lines, "kept", now->kept);
	add_growth(top, lines);
	return 0;
}

/* ": " and text, in this line and in one more if it has to be. */
static void add_wrapped(const struct top *top, struct top_lines *lines, const char *text)
{
	const struct top_line *line = &lines->lines[lines->n_lines - 1];
	const size_t width = top->options.width ?: 80, used = line->end - line->start + 2;
	size_t taken, n = strlen(text);

	if (used < width)
		n = top_lines_cut(text, n, width - used, &taken);
	while (text[n] && n > 0 && text[n] != ' ')
		n--;
	top_lines_add(lines, TOP_PLAIN, ": %.*s", (int)n, text);
	if (text[n])
		top_lines_add_line(lines, TOP_PLAIN, "   %s", text + n);
}

static int add_verdict(struct top *top, struct top_lines *lines)
{
	const struct verdict *verdict = &top->shot->verdict;
	const char *code = verdict_code_name(verdict->code);
	const bool good = verdict->code == VERDICT_HEALTHY || verdict->code == VERDICT_CACHE;

	top_lines_begin(lines, TOP_NO_ITEM);
	top_lines_add(lines,
		      !code  ? TOP_STRONG
		      : good ? TOP_GOOD
			     : TOP_BAD,
		      "  %s", code ?: "undecided");
	if (code)
		top_lines_add(lines, TOP_DIM, ", %.0f %% sure", verdict->confidence * 100);
	if (verdict->n_because > 0)
		add_wrapped(top, lines, verdict->because[0]);
	return 0;
}

static int add_tabs(struct top *top, struct top_lines *lines)
{
	const bool narrow = top->options.width < TOP_NARROW;

	top_lines_begin(lines, TOP_NO_ITEM);
	for (size_t i = 0; i < TOP_N_VIEWS; i++) {
		const bool here = top_views[i] == top->view;

		top_lines_add(lines, TOP_DIM, "%s%zu ", i && !narrow ? "  " : " ", i + 1);
		top_lines_add(lines, here ? TOP_TITLE : TOP_PLAIN, here ? "[%s]" : "%s",
			      top_views[i]->name);
	}
	return top_lines_add(lines, TOP_DIM, "%s? help", narrow ? "  " : "   ");
}

int top_draw_head(struct top *top, struct top_lines *lines)
{
	add_process(top, lines);
	add_figures(top, lines);
	add_verdict(top, lines);
	return add_tabs(top, lines);
}

int top_draw_help(struct top *top, struct top_lines *lines)
{
	static const char *const help[] = {
		"",
		"  1 to 8, Tab    the views                   Enter        open what is selected",
		"  arrows, wheel  move                        Esc          close it",
		"  < and >        sort by another column      /            show only what matches",
		"  g              group by another            c            tree: the other end",
		"  m              now is the baseline: figures become differences;  M ends that",
		"  Space          pause, go on                + and -      interval",
		"  s              save a session file         t            trim; asks first",
		"  a              put the agent in            d            stop recording",
		"  q              leave; the process goes on",
		"",
		"  live is what the program has in blocks, kept what malloc has beyond that;",
		"  growth is the median slope over the last minute, ~ where that may be chance;",
	};

	for (size_t i = 0; i < ARRAY_SIZE(help); i++)
		top_lines_add_line(lines, TOP_PLAIN, "%s", help[i]);
	top_lines_add_line(lines, TOP_PLAIN, "  %s is one standard error.",
			   top->options.utf8 ? "±" : "+-");
	top_lines_add_gap(lines);
	return top_lines_add_line(lines, TOP_PLAIN, "  Any key closes this.");
}
