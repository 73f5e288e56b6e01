/* SPDX-License-Identifier: MIT */
/*
 * top-lines.c: all text is one buffer, all spans one array; a line is a piece of each. Columns are code
 * points: no view prints anything wider.
 */
#include "cli/top-lines.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"

void top_lines_deinit(struct top_lines *lines)
{
	strbuf_deinit(&lines->text);
	free(lines->lines);
	free(lines->spans);
	*lines = (struct top_lines){};
}

void top_lines_reset(struct top_lines *lines)
{
	strbuf_reset(&lines->text);
	lines->n_lines = lines->n_spans = 0;
	lines->fill = NULL;
	lines->context = NULL;
}

int top_lines_begin(struct top_lines *lines, uint64_t item)
{
	if (GROW(lines->lines, lines->n_lines) < 0)
		return -ENOMEM;
	lines->lines[lines->n_lines++] = (struct top_line){
		.start = (uint32_t)lines->text.length,
		.end = (uint32_t)lines->text.length,
		.first_span = (uint32_t)lines->n_spans,
		.item = item,
	};
	return 0;
}

/* What was added to the text since start becomes a span of the last line. */
static int end_span(struct top_lines *lines, size_t start, enum top_style style)
{
	struct top_line *line = &lines->lines[lines->n_lines - 1];

	if (lines->text.error)
		return lines->text.error;
	if (GROW(lines->spans, lines->n_spans) < 0)
		return -ENOMEM;
	lines->spans[lines->n_spans++] =
		(struct top_span){(uint32_t)start, (uint32_t)lines->text.length, style};
	line->n_spans++;
	line->end = (uint32_t)lines->text.length;
	return 0;
}

int top_lines_add(struct top_lines *lines, enum top_style style, const char *format, ...)
{
	const size_t start = lines->text.length;
	va_list args;

	va_start(args, format);
	strbuf_vaddf(&lines->text, format, args);
	va_end(args);
	return end_span(lines, start, style);
}

size_t top_lines_cut(const char *text, size_t size, size_t columns, size_t *ret_columns)
{
	size_t i = 0, n = 0;

	while (i < size && n < columns) {
		i++;
		while (i < size && ((unsigned char)text[i] & 0xc0) == 0x80)
			i++;
		n++;
	}
	*ret_columns = n;
	return i;
}

int top_lines_add_cell(struct top_lines *lines, enum top_style style, const char *text,
		       size_t columns, bool right)
{
	const size_t start = lines->text.length;
	size_t taken, n = top_lines_cut(text, strlen(text), columns, &taken);

	if (right)
		strbuf_add_repeated(&lines->text, ' ', columns - taken);
	strbuf_add(&lines->text, text, n);
	if (!right)
		strbuf_add_repeated(&lines->text, ' ', columns - taken);
	return end_span(lines, start, style);
}

int top_lines_add_line(struct top_lines *lines, enum top_style style, const char *format, ...)
{
	va_list args;
	size_t start;
	int r = top_lines_begin(lines, TOP_NO_ITEM);

	if (r < 0)
		return r;
	start = lines->text.length;
	va_start(args, format);
	strbuf_vaddf(&lines->text, format, args);
	va_end(args);
	return end_span(lines, start, style);
}

int top_lines_add_gap(struct top_lines *lines)
{
	return top_lines_begin(lines, TOP_NO_ITEM);
}

int top_lines_add_stub(struct top_lines *lines, uint64_t item, size_t index)
{
	int r = top_lines_begin(lines, item);

	if (r < 0)
		return r;
	lines->lines[lines->n_lines - 1].stub = true;
	lines->lines[lines->n_lines - 1].index = index;
	return 0;
}

bool top_lines_is_stub(const struct top_lines *lines, size_t line)
{
	return lines->lines[line].stub;
}

int top_lines_fill(const struct top_lines *lines, size_t line, struct top_lines *into)
{
	return lines->fill(lines->context, lines->lines[line].index, into);
}

static void print_line(const struct top_lines *lines, size_t at, size_t columns, FILE *out)
{
	const struct top_line *line = &lines->lines[at];
	const char *text = strbuf_text(&lines->text) + line->start;
	size_t size = line->end - line->start, taken;

	if (columns > 0)
		size = top_lines_cut(text, size, columns, &taken);
	while (size > 0 && text[size - 1] == ' ')
		size--;
	fwrite(text, 1, size, out);
	fputc('\n', out);
}

void top_lines_print(const struct top_lines *lines, size_t columns, FILE *out)
{
	struct top_lines filled = {};

	for (size_t i = 0; i < lines->n_lines; i++) {
		if (!top_lines_is_stub(lines, i)) {
			print_line(lines, i, columns, out);
			continue;
		}
		top_lines_reset(&filled);
		if (top_lines_fill(lines, i, &filled) >= 0 && filled.n_lines > 0)
			print_line(&filled, 0, columns, out);
	}
	top_lines_deinit(&filled);
}
