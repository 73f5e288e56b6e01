/* SPDX-License-Identifier: MIT */
/*
 * top-draw.c: the small drawings that views share: differences, courses, bars, and the way to the agent.
 */
#include <math.h>

#include "base/units.h"
#include "cli/top.h"

const char *top_format_bytes(const struct top *top, int64_t bytes, char *text)
{
	if (!top->baseline.is_set)
		return units_format_bytes((uint64_t)MAX(bytes, (int64_t)0), text);
	text[0] = bytes < 0 ? '-' : '+';
	units_format_bytes((uint64_t)(bytes < 0 ? -bytes : bytes), text + 1);
	return text;
}

int top_add_spark(const struct top *top, struct top_lines *lines, const struct top_series *series,
		  unsigned columns)
{
	static const char *const utf8[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char *const ascii[] = {"_", "_", ".", ".", "-", "-", "=", "#"};
	const uint32_t held = series ? top_looks_count(&top->looks, series->since_s) : 0;
	const uint32_t n = MIN(held, columns);
	_cleanup_(strbuf_deinit) struct strbuf text = {};
	uint64_t values[TOP_SERIES_POINTS], low = UINT64_MAX, high = 0;

	for (uint32_t i = 0; i < n; i++) {
		const uint32_t back = n > 1 ? (held - 1) * (n - 1 - i) / (n - 1) : 0;

		values[i] = top_series_at(series, top_looks_back(&top->looks, back));
		low = MIN(low, values[i]);
		high = MAX(high, values[i]);
	}
	strbuf_add_repeated(&text, ' ', columns - n);
	for (uint32_t i = 0; i < n; i++) {
		/* a flat line is low: what does not move is no news */
		unsigned step = high > low ? (unsigned)((values[i] - low) * 7 / (high - low)) : 0;

		strbuf_adds(&text, top->options.utf8 ? utf8[step] : ascii[step]);
	}
	return top_lines_add_cell(lines, TOP_DIM, strbuf_text(&text), columns, false);
}

const char *top_format_growth(const struct top_growth *growth, char *text)
{
	char bytes[UNITS_MAX];
	char sign = growth->slope < 0 ? '-' : '+';

	text[0] = '\0';
	if (isnan(growth->slope) || fabs(growth->slope) < 1)
		return text;
	if (fabs(growth->sure) < 1)
		sign = '~';
	snprintf(text, TOP_GROWTH_MAX, "%c%s/s", sign,
		 units_format_bytes((uint64_t)fabs(growth->slope), bytes));
	return text;
}

void top_add_growth_cell(struct top_lines *lines, const struct top_growth *growth)
{
	char text[TOP_GROWTH_MAX];

	top_lines_add_cell(lines, growth->sure > 1024 ? TOP_BAD : TOP_PLAIN,
			   top_format_growth(growth, text), 13, true);
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
