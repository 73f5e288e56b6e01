/* SPDX-License-Identifier: MIT */
/*
 * top-lines.h: what a view of `memtrace top` shows: lines of styled text. The screen draws them, --batch
 * prints them, and neither knows what they mean.
 */
#ifndef CLI_TOP_LINES_H
#define CLI_TOP_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/strbuf.h"

struct top_lines;

enum top_style {
	TOP_PLAIN,
	TOP_STRONG,
	TOP_DIM,
	TOP_TITLE, /* heads of columns */
	TOP_BAD,
	TOP_GOOD,
	TOP_BAR_1, /* bars of the ledger, in turn */
	TOP_BAR_2,
	TOP_BAR_3,
	TOP_BAR_4,
	TOP_BAR_5,
	TOP_N_STYLES,
};

struct top_span {
	uint32_t start, end; /* bytes of the text */
	enum top_style style;
};

#define TOP_NO_ITEM UINT64_MAX

struct top_line {
	uint32_t start, end; /* in text */
	uint32_t first_span, n_spans;
	uint64_t item; /* what Enter opens; TOP_NO_ITEM if it cannot be selected */
	bool stub;     /* has no text yet */
	size_t index;  /* of a stub: its maker's own */
};

/* Adds the line that the stub with that index stands for. */
typedef int (*top_fill)(void *context, size_t index, struct top_lines *lines);

/* Zeroed is empty. */
struct top_lines {
	struct strbuf text;
	struct top_line *lines;
	size_t n_lines;
	struct top_span *spans;
	size_t n_spans;
	top_fill fill; /* of the stubs */
	void *context; /* its own */
};

void top_lines_deinit(struct top_lines *lines);
void top_lines_reset(struct top_lines *lines);

/* Begins a line; what is added goes to it. */
int top_lines_begin(struct top_lines *lines, uint64_t item);
int top_lines_add(struct top_lines *lines, enum top_style style, const char *format, ...)
	_printf_(3, 4);
/* Adds text in exactly columns: cut, or filled with spaces. right: text stands at the right end. */
int top_lines_add_cell(struct top_lines *lines, enum top_style style, const char *text,
		       size_t columns, bool right);
/* A line of one style. */
int top_lines_add_line(struct top_lines *lines, enum top_style style, const char *format, ...)
	_printf_(3, 4);
/* An empty line. */
int top_lines_add_gap(struct top_lines *lines);

/*
 * A line that gets its text only if it is seen: of a list of 100,000 lines a screen shows 50. What fill and
 * context say has to hold until the lines are made anew.
 */
int top_lines_add_stub(struct top_lines *lines, uint64_t item, size_t index);
bool top_lines_is_stub(const struct top_lines *lines, size_t line);
int top_lines_fill(const struct top_lines *lines, size_t line, struct top_lines *into);

/* How many bytes of text, which has size bytes, are in its first columns; ret_columns: how many there are. */
size_t top_lines_cut(const char *text, size_t size, size_t columns, size_t *ret_columns);

/* Prints lines from first on, each cut to columns (0: not cut), without trailing spaces. */
void top_lines_print(const struct top_lines *lines, size_t columns, FILE *out);

#endif
