/* SPDX-License-Identifier: MIT */
/*
 * top-time.c: the views of what happens: threads, the course of RSS and live memory, the newest events.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/units.h"
#include "cli/top.h"
#include "profile/estimate.h"
#include "profile/label.h"
#include "render/words.h"

/* ---- threads ---- */

struct holder {
	uint32_t thread;
	struct estimate live;
};

static int compare_holders(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;

	if (x->live.bytes != y->live.bytes)
		return x->live.bytes < y->live.bytes ? 1 : -1;
	return x->thread < y->thread ? -1 : 1;
}

/* Its stack: what is resident of it, and how large it may get; PROFILE_UNKNOWN if that was not found. */
static void find_stack(const struct top *top, uint32_t tid, uint64_t *ret_resident,
		       uint64_t *ret_size)
{
	const struct ledger *ledger = &top->shot->ledger;

	*ret_resident = *ret_size = PROFILE_UNKNOWN;
	for (size_t i = 0; top->shot->has_ledger && i < ledger->n_parts; i++) {
		const struct ledger_part *part = &ledger->parts[i];

		if (part->owner != LEDGER_STACKS || part->tid != tid)
			continue;
		if (*ret_size == PROFILE_UNKNOWN)
			*ret_resident = *ret_size = 0;
		*ret_resident += part->usage.resident;
		*ret_size += part->usage.virtual;
	}
}

static void add_bytes(struct top_lines *lines, enum top_style style, uint64_t bytes)
{
	char text[UNITS_MAX];

	top_lines_add_cell(lines, style,
			   bytes == PROFILE_UNKNOWN ? "" : units_format_bytes(bytes, text), 11,
			   true);
}

static void draw_thread(const struct top *top, const struct holder *holder, struct top_lines *lines)
{
	const struct profile_thread *thread = &top->shot->profile->threads[holder->thread];
	const enum top_style style = thread->ended ? TOP_DIM : TOP_PLAIN;
	_cleanup_(strbuf_deinit) struct strbuf name = {};
	uint64_t resident, size;

	find_stack(top, thread->tid, &resident, &size);
	label_add_clean(&name, thread->name);
	top_lines_begin(lines, thread->tid);
	top_lines_add(lines, style, "%7u  ", thread->tid);
	top_lines_add_cell(lines, style, strbuf_text(&name), 15, false);
	add_bytes(lines, thread->ended ? TOP_DIM : TOP_STRONG, estimate_round(holder->live.bytes));
	add_bytes(lines, style, thread->allocated_bytes);
	add_bytes(lines, style, thread->freed_bytes);
	add_bytes(lines, style, thread->ended ? PROFILE_UNKNOWN : resident);
	add_bytes(lines, style, thread->ended ? PROFILE_UNKNOWN : size);
	top_lines_add(lines, style, "%s", thread->ended ? "  ended" : "");
}

static int draw_threads(struct top *top, struct top_lines *lines)
{
	const struct profile *profile = top->shot->profile;
	_cleanup_free_ struct holder *holders = calloc(profile->n_threads + 1, sizeof(*holders));

	if (!holders)
		return -ENOMEM;
	for (uint32_t i = 0; i < profile->n_threads; i++)
		holders[i] = (struct holder){i, top->shot->held[i]};
	if (profile->n_threads > 0)
		qsort(holders, profile->n_threads, sizeof(*holders), compare_holders);
	top_lines_add_line(lines, TOP_TITLE, "%7s  %-15s%11s%11s%11s%11s%11s", "TID", "NAME",
			   "HOLDS", "ALLOCATED", "FREED", "STACK", "OF AT MOST");
	for (size_t i = 0; i < profile->n_threads; i++)
		if (profile->threads[holders[i].thread].tid != 0)
			draw_thread(top, &holders[i], lines);
	return 0;
}

const struct top_view top_threads = {.name = "Threads",
				     .n_heads = 1,
				     .needs_agent = true,
				     .needs_shots = true,
				     .draw = draw_threads};

/* ---- timeline ---- */

enum { AXIS = 11, CHART_MIN = 4, CHART_MAX = 200 };

/* The moment that a column stands for: the highest RSS of those that fall into it. */
static const struct top_moment *moment_at(const struct top *top, unsigned column, unsigned columns)
{
	const size_t first = top->n_history * column / columns;
	size_t end = top->n_history * (column + 1) / columns;
	const struct top_moment *highest = &top->history[first];

	if (top->n_history <= columns)
		return column < top->n_history ? &top->history[column] : NULL;
	for (end = MAX(end, first + 1); end-- > first;)
		if (top->history[end].rss > highest->rss)
			highest = &top->history[end];
	return highest;
}

struct chart {
	const struct top_moment *moments[CHART_MAX]; /* of each column, NULL: none yet */
	unsigned columns, rows;
	uint64_t highest; /* bytes, at the upper end of the axis; not 0 */
	bool utf8;
};

/* Row 0 is the lowest. */
static void add_chart_row(const struct chart *chart, unsigned row, struct top_lines *lines)
{
	/* a cell is filled if the value reaches its middle */
	const double level = (double)chart->highest / chart->rows * ((double)row + 0.5);
	char bytes[UNITS_MAX];

	top_lines_begin(lines, TOP_NO_ITEM);
	top_lines_add_cell(lines, TOP_DIM,
			   row + 1 == chart->rows ? units_format_bytes(chart->highest, bytes)
			   : row == 0             ? "0 B"
						  : "",
			   AXIS - 1, true);
	top_lines_add(lines, TOP_DIM, chart->utf8 ? " │" : " |");
	for (unsigned i = 0; i < chart->columns; i++) {
		const struct top_moment *moment = chart->moments[i];

		if (!moment || (double)moment->rss < level)
			top_lines_add(lines, TOP_PLAIN, " ");
		else if (moment->live != PROFILE_UNKNOWN && (double)moment->live >= level)
			top_lines_add(lines, TOP_BAR_1, chart->utf8 ? "█" : "#");
		else
			top_lines_add(lines, TOP_BAR_2, chart->utf8 ? "░" : ".");
	}
}

/* Below the columns, with a sign under the peak. */
static void add_time_axis(const struct chart *chart, const struct top_moment *peak,
			  struct top_lines *lines)
{
	top_lines_begin(lines, TOP_NO_ITEM);
	top_lines_add_cell(lines, TOP_DIM, "", AXIS, false);
	for (unsigned i = 0; i < chart->columns; i++)
		top_lines_add(lines, chart->moments[i] == peak ? TOP_BAD : TOP_DIM, "%s",
			      chart->moments[i] == peak ? "^"
			      : chart->utf8             ? "─"
							: "-");
}

static int draw_timeline(struct top *top, struct top_lines *lines)
{
	const unsigned width = top->options.width > 40 ? top->options.width : 80;
	const struct top_moment *peak = &top->history[0], *last = &top->history[top->n_history - 1];
	struct chart chart = {.columns = MIN(width - AXIS - 3, (unsigned)CHART_MAX),
			      .rows = (unsigned)MAX(top->rows - 4, (int)CHART_MIN),
			      .utf8 = top->options.utf8};
	_cleanup_(strbuf_deinit) struct strbuf span = {}, ago = {};
	char bytes[UNITS_MAX];

	for (size_t i = 0; i < top->n_history; i++)
		if (top->history[i].rss > peak->rss)
			peak = &top->history[i];
	chart.highest = MAX(peak->rss, (uint64_t)1);
	for (unsigned i = 0; i < chart.columns; i++)
		chart.moments[i] = moment_at(top, i, chart.columns);
	words_add_duration(&span, &top->options, last->time_s - top->history[0].time_s);
	words_add_duration(&ago, &top->options, last->time_s - peak->time_s);
	top_lines_begin(lines, TOP_NO_ITEM);
	top_lines_add(lines, TOP_TITLE, "  the last %s; peak %s, %s ago; ", strbuf_text(&span),
		      units_format_bytes(peak->rss, bytes), strbuf_text(&ago));
	top_lines_add(lines, TOP_BAR_1, "%s live", chart.utf8 ? "█" : "#");
	top_lines_add(lines, TOP_BAR_2, "  %s resident beside it", chart.utf8 ? "░" : ".");
	for (unsigned row = chart.rows; row-- > 0;)
		add_chart_row(&chart, row, lines);
	add_time_axis(&chart, peak, lines);
	return 0;
}

const struct top_view top_timeline = {.name = "Timeline", .n_heads = 1, .draw = draw_timeline};

/* ---- events ---- */

static const char *event_name(unsigned type)
{
	static const char *const names[] = {
		[MT_EVENT_ALLOC] = "malloc",       [MT_EVENT_FREE] = "free",
		[MT_EVENT_MAP] = "mmap",           [MT_EVENT_UNMAP] = "munmap",
		[MT_EVENT_REMAP] = "mremap",       [MT_EVENT_BRK] = "brk",
		[MT_EVENT_MADVISE] = "madvise",    [MT_EVENT_THREAD_START] = "thread",
		[MT_EVENT_THREAD_NAME] = "name",   [MT_EVENT_THREAD_END] = "thread end",
		[MT_EVENT_MODULE_LOAD] = "dlopen", [MT_EVENT_MODULE_UNLOAD] = "dlclose",
		[MT_EVENT_INTERVAL] = "interval",  [MT_EVENT_FORK] = "fork",
		[MT_EVENT_MARK] = "mark",
	};

	return type < ARRAY_SIZE(names) && names[type] ? names[type] : "?";
}

static const struct profile_site *site_of(const struct top *top, const struct mt_event *event)
{
	const struct profile *profile = top->shot->profile;

	if (event->site == 0 || event->site >= profile->n_recorded_sites ||
	    profile->recorded_sites[event->site] == PROFILE_NO_SITE)
		return NULL;
	return &profile->sites[profile->recorded_sites[event->site]];
}

static unsigned thread_columns(const struct top *top)
{
	return top->options.width < TOP_NARROW ? 9 : 17;
}

/* The time of day. */
static void add_time(struct top_lines *lines, uint64_t time_ns)
{
	struct timespec day, monotonic;
	struct tm tm;
	int64_t ns;
	time_t s;

	clock_gettime(CLOCK_REALTIME, &day);
	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	ns = (day.tv_sec - monotonic.tv_sec) * 1000000000 + day.tv_nsec - monotonic.tv_nsec +
	     (int64_t)time_ns;
	s = (time_t)(ns / 1000000000);
	localtime_r(&s, &tm);
	top_lines_add(lines, TOP_DIM, " %02d:%02d:%02d.%03d  ", tm.tm_hour, tm.tm_min, tm.tm_sec,
		      (int)(ns / 1000000 % 1000));
}

static int draw_event(struct top *top, struct top_lines *lines, const struct mt_event *event)
{
	const struct profile *profile = top->shot->profile;
	const struct profile_site *site = site_of(top, event);
	_cleanup_(strbuf_deinit) struct strbuf text = {};
	char bytes[UNITS_MAX];

	top_lines_begin(lines, site ? site->id : TOP_NO_ITEM);
	add_time(lines, event->time_ns);
	top_lines_add_cell(lines, TOP_STRONG, event_name(event->type), 10, false);
	/* threads and modules have no size that says anything */
	top_lines_add_cell(lines, TOP_PLAIN,
			   event->type < MT_EVENT_THREAD_START || event->type == MT_EVENT_INTERVAL
				   ? units_format_bytes(event->size, bytes)
				   : "",
			   10, true);
	top_lines_add(lines, TOP_DIM, "  %12llx  ", (unsigned long long)event->addr);
	label_add_clean(&text, event->thread < profile->n_threads
				       ? profile->threads[event->thread].name
				       : "");
	top_lines_add_cell(lines, TOP_DIM, strbuf_text(&text), thread_columns(top), false);
	strbuf_reset(&text);
	if (site)
		label_site(profile, site, &text);
	else if (event->type == MT_EVENT_MARK && event->aux)
		label_add_clean(&text, (const char *)(uintptr_t)event->aux);
	return top_lines_add(lines, TOP_PLAIN, "%s", strbuf_text(&text));
}

static int draw_events(struct top *top, struct top_lines *lines)
{
	top_lines_add_line(lines, TOP_TITLE, "%13s  %-10s%10s  %12s  %-*s%s", "TIME", "EVENT",
			   "SIZE", "ADDRESS", (int)thread_columns(top), "THREAD", "WHERE");
	/* the newest on top */
	for (size_t i = top->shot->n_events; i-- > 0;)
		draw_event(top, lines, &top->shot->events[i]);
	if (top->shot->n_events == 0)
		top_lines_add_line(
			lines, TOP_DIM, "  %s",
			top_source_pid(top->source) > 0
				? "nothing has happened"
				: "events are seen while a process runs; a session or a core "
				  "has none");
	return 0;
}

const struct top_view top_events = {
	.name = "Events",
	.n_heads = 1,
	.needs_agent = true,
	.needs_shots = true,
	.draw = draw_events,
	.draw_detail = top_draw_site,
};
