/* SPDX-License-Identifier: MIT */
/*
 * top.c: what all views share: the newest shot and the baseline, history and growth, small drawings.
 */
#include "cli/top.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/units.h"

enum { SLOPE_POINTS = 16 };

void top_deinit(struct top *top)
{
	map_for_each (entry, &top->series)
		free((void *)(uintptr_t)entry->value);
	map_deinit(&top->series);
	map_deinit(&top->expanded);
	free(top->history);
	top_shot_free(top->shot);
	top_clear_baseline(top);
	top_source_free(top->source);
	if (top->options.grep)
		regfree(&top->grep);
}

/* ---- history ---- */

double top_now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void top_series_add(struct top_series *series, double time_s, uint64_t bytes)
{
	series->time_s[series->n % TOP_SERIES] = time_s;
	series->bytes[series->n % TOP_SERIES] = bytes;
	series->n++;
}

static void remember_site(struct top *top, const struct profile_site *site, double time_s)
{
	struct top_series *series = map_get_ptr(&top->series, site->id);

	if (!series) {
		/* nothing to watch yet */
		if (site->live_bytes == 0)
			return;
		series = calloc(1, sizeof(*series));
		if (!series || map_set(&top->series, site->id, (uintptr_t)series) < 0) {
			free(series);
			return;
		}
	}
	top_series_add(series, time_s, site->live_bytes);
}

/* When the history is full, every other moment of it goes: it gets coarser with age. */
static void remember_moment(struct top *top, const struct top_moment *moment)
{
	if (top->n_history == TOP_HISTORY) {
		for (size_t i = 0; i < TOP_HISTORY / 2; i++)
			top->history[i] = top->history[2 * i];
		top->n_history = TOP_HISTORY / 2;
	}
	if (!top->history)
		top->history = calloc(TOP_HISTORY, sizeof(*top->history));
	if (top->history)
		top->history[top->n_history++] = *moment;
}

static void remember(struct top *top)
{
	const struct top_shot *shot = top->shot;
	const struct profile *profile = shot->profile;
	struct top_moment moment = {
		.time_s = shot->time_s,
		.rss = shot->has_ledger ? shot->ledger.rss : profile->process.rss,
		.live = profile->agent.mode == MT_MODE_NONE ? PROFILE_UNKNOWN
							    : profile->heap.live_bytes,
		.kept = shot->has_ledger ? ledger_kept_bytes(&shot->ledger) : PROFILE_UNKNOWN,
	};

	for (size_t i = 0; i < profile->n_sites; i++)
		if (profile_site_is_counted(&profile->sites[i]))
			remember_site(top, &profile->sites[i], shot->time_s);
	remember_moment(top, &moment);
}

bool top_update(struct top *top)
{
	struct top_shot *shot = top_source_take(top->source);

	if (!shot)
		return false;
	if (shot->ended) {
		top->ended = true;
		top_shot_free(shot);
		snprintf(top->message, sizeof(top->message),
			 "the process has ended; this is the last of it, and s saves it");
		return true;
	}
	top_shot_free(top->shot);
	top->shot = shot;
	remember(top);
	return true;
}

/* ---- growth ---- */

static int compare_doubles(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Theil and Sen: the median of the slopes between all pairs of points, which single steps do not move. */
static double median_slope(const double *time_s, const double *value, unsigned n)
{
	double slopes[SLOPE_POINTS * (SLOPE_POINTS - 1) / 2];
	unsigned n_slopes = 0;

	for (unsigned i = 0; i < n; i++)
		for (unsigned j = i + 1; j < n; j++)
			if (time_s[j] > time_s[i])
				slopes[n_slopes++] =
					(value[j] - value[i]) / (time_s[j] - time_s[i]);
	if (n_slopes == 0)
		return NAN;
	qsort(slopes, n_slopes, sizeof(*slopes), compare_doubles);
	return n_slopes % 2 ? slopes[n_slopes / 2]
			    : (slopes[n_slopes / 2 - 1] + slopes[n_slopes / 2]) / 2;
}

const struct top_series *top_find_series(const struct top *top, uint64_t site_id)
{
	return map_get_ptr(&top->series, site_id);
}

double top_growth(const struct top *top, uint64_t site_id)
{
	const struct top_series *series = top_find_series(top, site_id);

	return series ? top_series_growth(series) : NAN;
}

double top_series_growth(const struct top_series *series)
{
	double time_s[SLOPE_POINTS], value[SLOPE_POINTS];
	uint32_t held, points;

	if (series->n < 2)
		return NAN;
	held = MIN(series->n, (uint32_t)TOP_SERIES);
	points = MIN(held, (uint32_t)SLOPE_POINTS);
	for (uint32_t i = 0; i < points; i++) {
		/* evenly over what is held, from the oldest to the newest */
		uint32_t at = series->n - held + (points > 1 ? i * (held - 1) / (points - 1) : 0);

		time_s[i] = series->time_s[at % TOP_SERIES];
		value[i] = (double)series->bytes[at % TOP_SERIES];
	}
	return median_slope(time_s, value, points);
}

double top_total_growth(const struct top *top)
{
	double time_s[SLOPE_POINTS], value[SLOPE_POINTS];
	const size_t held = MIN(top->n_history, (size_t)TOP_SERIES);
	const size_t points = MIN(held, (size_t)SLOPE_POINTS);

	if (points < 2)
		return NAN;
	for (size_t i = 0; i < points; i++) {
		const struct top_moment *moment =
			&top->history[top->n_history - held + i * (held - 1) / (points - 1)];

		time_s[i] = moment->time_s;
		value[i] = (double)(moment->live != PROFILE_UNKNOWN ? moment->live : moment->rss);
	}
	return median_slope(time_s, value, (unsigned)points);
}

const struct profile_site *top_find_site(const struct profile *profile, uint64_t id)
{
	for (size_t i = 0; i < profile->n_sites; i++)
		if (profile->sites[i].id == id)
			return &profile->sites[i];
	return NULL;
}

/* ---- baseline ---- */

int top_set_baseline(struct top *top)
{
	const struct profile *profile = top->shot->profile;

	top_clear_baseline(top);
	for (size_t i = 0; i < profile->n_sites; i++)
		if (map_set(&top->baseline_sites, profile->sites[i].id, i) < 0) {
			map_deinit(&top->baseline_sites);
			return -ENOMEM;
		}
	/* the next shot takes the place of this one */
	top->baseline = top->shot;
	top->shot = NULL;
	return 0;
}

void top_clear_baseline(struct top *top)
{
	map_deinit(&top->baseline_sites);
	top_shot_free(top->baseline);
	top->baseline = NULL;
}

const struct profile_site *top_find_baseline(const struct top *top, uint64_t site_id)
{
	const uint64_t *index = map_find(&top->baseline_sites, site_id);

	return index ? &top->baseline->profile->sites[*index] : NULL;
}

/* ---- small drawings ---- */

const char *top_format_bytes(const struct top *top, int64_t bytes, char *text)
{
	if (!top->baseline)
		return units_format_bytes((uint64_t)MAX(bytes, (int64_t)0), text);
	text[0] = bytes < 0 ? '-' : '+';
	units_format_bytes((uint64_t)(bytes < 0 ? -bytes : bytes), text + 1);
	return text;
}

int top_add_spark(struct top *top, struct top_lines *lines, const struct top_series *series,
		  unsigned columns)
{
	static const char *const utf8[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char *const ascii[] = {"_", "_", ".", ".", "-", "-", "=", "#"};
	const uint32_t held = series ? MIN(series->n, (uint32_t)TOP_SERIES) : 0;
	const uint32_t n = MIN(held, columns);
	_cleanup_(strbuf_deinit) struct strbuf text = {};
	uint64_t low = UINT64_MAX, high = 0;

	for (uint32_t i = 0; i < n; i++) {
		low = MIN(low, series->bytes[(series->n - n + i) % TOP_SERIES]);
		high = MAX(high, series->bytes[(series->n - n + i) % TOP_SERIES]);
	}
	strbuf_add_repeated(&text, ' ', columns - n);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t value = series->bytes[(series->n - n + i) % TOP_SERIES];
		/* a flat line is low: what does not move is no news */
		unsigned step = high > low ? (unsigned)((value - low) * 7 / (high - low)) : 0;

		strbuf_adds(&text, top->options.utf8 ? utf8[step] : ascii[step]);
	}
	return top_lines_add_cell(lines, TOP_DIM, strbuf_text(&text), columns, false);
}

void top_add_growth_cell(struct top_lines *lines, double growth)
{
	char bytes[UNITS_MAX], text[UNITS_MAX + 8] = "";

	if (!isnan(growth) && fabs(growth) >= 1)
		snprintf(text, sizeof(text), "%c%s/s", growth < 0 ? '-' : '+',
			 units_format_bytes((uint64_t)fabs(growth), bytes));
	top_lines_add_cell(lines, growth > 1024 ? TOP_BAD : TOP_PLAIN, text, 12, true);
}

int top_add_bar(const struct top *top, struct top_lines *lines, enum top_style style,
		unsigned columns, uint64_t part, uint64_t whole)
{
	_cleanup_(strbuf_deinit) struct strbuf text = {};
	unsigned n = whole > 0 ? (unsigned)((double)part * columns / (double)whole + 0.5) : 0;

	for (unsigned i = 0; i < MIN(n, columns); i++)
		strbuf_adds(&text, top->options.utf8 ? "█" : "#");
	return top_lines_add_cell(lines, style, strbuf_text(&text), columns, false);
}

int top_explain_no_agent(const struct top *top, struct top_lines *lines)
{
	const uint32_t pid = top->shot->profile->process.pid;

	top_lines_add_gap(lines);
	top_lines_add_line(lines, TOP_PLAIN,
			   "  The process has no agent, so nobody records who allocates what.");
	top_lines_add_line(lines, TOP_PLAIN,
			   "  Press a to put one into it (as memtrace attach %u does),", pid);
	return top_lines_add_line(lines, TOP_PLAIN,
				  "  or start the program with: memtrace run PROGRAM");
}
