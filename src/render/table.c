/* SPDX-License-Identifier: MIT */
/*
 * Text is made in two passes: all cells as they will stand, which gives the widths of the columns, then
 * the lines. Numbers stand to the right, words to the left.
 */
#include "render/table.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/strbuf.h"
#include "base/units.h"
#include "render/words.h"

void table_init(struct table *table, const struct table_column *columns, size_t n_columns)
{
	*table = (struct table){.columns = columns, .n_columns = n_columns};
}

static void drop_rows(struct table *table)
{
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i].text);
	table->n_cells = 0;
}

void table_deinit(struct table *table)
{
	drop_rows(table);
	free(table->cells);
	*table = (struct table){};
}

static struct table_cell *add_cell(struct table *table)
{
	if (table->error == 0 && GROW(table->cells, table->n_cells) < 0)
		table->error = -ENOMEM;
	if (table->error < 0)
		return NULL;
	struct table_cell *cell = &table->cells[table->n_cells++];

	*cell = (struct table_cell){.number = PROFILE_UNKNOWN, .real = NAN};
	return cell;
}

void table_add_text(struct table *table, const char *text)
{
	struct table_cell *cell = add_cell(table);

	if (!cell || !text)
		return;
	cell->text = strdup(text);
	if (!cell->text)
		table->error = -ENOMEM;
}

void table_add_number(struct table *table, uint64_t number)
{
	struct table_cell *cell = add_cell(table);

	if (cell)
		cell->number = number;
}

void table_add_real(struct table *table, double real)
{
	struct table_cell *cell = add_cell(table);

	if (cell)
		cell->real = real;
}

static bool is_unknown(const struct table_column *column, const struct table_cell *cell)
{
	switch (column->type) {
	case TABLE_TEXT:
		return !cell->text;
	case TABLE_BYTES:
	case TABLE_COUNT:
	case TABLE_HEX:
		return cell->number == PROFILE_UNKNOWN;
	case TABLE_SECONDS:
		return !(cell->real >= 0);
	default:
		return isnan(cell->real);
	}
}

static int add_cell_text(struct strbuf *buffer, const struct render_options *options,
			 const struct table_column *column, const struct table_cell *cell)
{
	char text[UNITS_MAX];

	if (is_unknown(column, cell))
		return 0;
	switch (column->type) {
	case TABLE_TEXT:
		return strbuf_adds(buffer, cell->text);
	case TABLE_BYTES:
		return strbuf_adds(buffer, units_format_bytes(cell->number, text));
	case TABLE_COUNT:
		return strbuf_adds(buffer, units_format_count(cell->number, text));
	case TABLE_HEX:
		return strbuf_addf(buffer, "0x%" PRIx64, cell->number);
	case TABLE_ERROR:
		if (cell->real < 0.5)
			return 0;
		return strbuf_addf(buffer, "%s %s", options->utf8 ? "±" : "+-",
				   units_format_bytes((uint64_t)MIN(cell->real, 9e18), text));
	case TABLE_SHARE:
		return strbuf_addf(buffer, "%.1f %%", cell->real * 100);
	case TABLE_SECONDS:
		return words_add_duration(buffer, options, cell->real);
	}
	return 0;
}

/* Rows of text, titles first, and the width of each column. Columns without a title have none. */
struct layout {
	struct strbuf *texts;
	size_t n_texts;
	size_t *widths;
};

static void layout_deinit(struct layout *layout)
{
	for (size_t i = 0; layout->texts && i < layout->n_texts; i++)
		strbuf_deinit(&layout->texts[i]);
	free(layout->texts);
	free(layout->widths);
}

static int layout_make(const struct table *table, const struct render_options *options,
		       struct layout *layout)
{
	const size_t n = table->n_columns;

	layout->n_texts = n + table->n_cells;
	layout->texts = calloc(layout->n_texts, sizeof(*layout->texts));
	layout->widths = calloc(n, sizeof(*layout->widths));
	if (!layout->texts || !layout->widths)
		return -ENOMEM;
	for (size_t i = 0; i < layout->n_texts; i++) {
		const struct table_column *column = &table->columns[i % n];
		int r;

		if (!column->title)
			continue;
		/* a column of nothing but its title is left out: the title comes last */
		if (i < n)
			continue;
		r = add_cell_text(&layout->texts[i], options, column, &table->cells[i - n]);
		if (r < 0)
			return r;
		layout->widths[i % n] =
			MAX(layout->widths[i % n], words_columns(strbuf_text(&layout->texts[i])));
	}
	for (size_t i = 0; i < n; i++) {
		if (layout->widths[i] == 0)
			continue;
		if (strbuf_adds(&layout->texts[i], table->columns[i].title) < 0)
			return -ENOMEM;
		layout->widths[i] = MAX(layout->widths[i], words_columns(table->columns[i].title));
	}
	return 0;
}

static int add_line(struct strbuf *line, const struct table *table, const struct layout *layout,
		    size_t first)
{
	for (size_t i = 0; i < table->n_columns; i++) {
		const char *text = strbuf_text(&layout->texts[first + i]);
		size_t padding = layout->widths[i] - words_columns(text);
		bool is_word = table->columns[i].type == TABLE_TEXT;

		if (layout->widths[i] == 0)
			continue;
		strbuf_adds(line, "  ");
		if (!is_word)
			strbuf_add_repeated(line, ' ', padding);
		strbuf_adds(line, text);
		if (is_word)
			strbuf_add_repeated(line, ' ', padding);
	}
	while (line->length > 0 && line->text[line->length - 1] == ' ')
		line->text[--line->length] = '\0';
	return strbuf_addc(line, '\n');
}

int table_print_text(const struct table *table, const struct render_options *options, FILE *out)
{
	_cleanup_(strbuf_deinit) struct strbuf line = {};
	_cleanup_(layout_deinit) struct layout layout = {};
	int r;

	if (table->error < 0)
		return table->error;
	r = layout_make(table, options, &layout);
	for (size_t first = 0; r >= 0 && first < layout.n_texts; first += table->n_columns) {
		strbuf_reset(&line);
		r = add_line(&line, table, &layout, first);
		if (r < 0)
			break;
		if (first == 0 && options->colour)
			fprintf(out, "\033[2m%.*s\033[0m\n", (int)(line.length - 1), line.text);
		else
			fputs(line.text, out);
	}
	return r;
}

static int add_csv_text(struct strbuf *line, const char *text)
{
	if (text[strcspn(text, ",\"\r\n")] == '\0')
		return strbuf_adds(line, text);
	strbuf_addc(line, '"');
	for (;;) {
		const size_t n = strcspn(text, "\"");

		strbuf_add(line, text, n);
		if (!text[n])
			return strbuf_addc(line, '"');
		strbuf_adds(line, "\"\"");
		text += n + 1;
	}
}

static int add_csv_cell(struct strbuf *line, const struct table_column *column,
			const struct table_cell *cell)
{
	if (is_unknown(column, cell))
		return 0;
	switch (column->type) {
	case TABLE_TEXT:
		return add_csv_text(line, cell->text);
	case TABLE_BYTES:
	case TABLE_COUNT:
		return strbuf_addf(line, "%" PRIu64, cell->number);
	case TABLE_HEX:
		return strbuf_addf(line, "0x%" PRIx64, cell->number);
	case TABLE_ERROR:
		return strbuf_addf(line, "%.0f", cell->real);
	case TABLE_SHARE:
		return strbuf_addf(line, "%.6g", cell->real);
	case TABLE_SECONDS:
		return strbuf_addf(line, "%.9g", cell->real);
	}
	return 0;
}

int table_print_csv(struct table *table, FILE *out)
{
	_cleanup_(strbuf_deinit) struct strbuf line = {};
	const size_t n = table->n_columns;
	int r;

	if (table->error < 0 || n == 0)
		return table->error;
	for (size_t i = 0; i < n && !table->has_names; i++)
		fprintf(out, "%s%s", table->columns[i].name, i < n - 1 ? "," : "\n");
	table->has_names = true;
	for (size_t i = 0; i < table->n_cells; i++) {
		if (i % n > 0)
			strbuf_addc(&line, ',');
		r = add_csv_cell(&line, &table->columns[i % n], &table->cells[i]);
		if (r < 0)
			return r;
		if (i % n < n - 1)
			continue;
		r = strbuf_addc(&line, '\n');
		if (r < 0)
			return r;
		fputs(line.text, out);
		strbuf_reset(&line);
	}
	drop_rows(table);
	return 0;
}
