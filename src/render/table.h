/* SPDX-License-Identifier: MIT */
/*
 * table.h: rows of typed cells. The columns are described once; text and CSV follow from it: in text
 * figures have units and columns are aligned, in CSV they are plain numbers.
 *
 *	table_init(&table, columns, ARRAY_SIZE(columns));
 *	table_add_text(&table, "main");	table_add_number(&table, 4096);	…	row by row, cell by cell
 *	r = table_print_text(&table, options, out);
 */
#ifndef RENDER_TABLE_H
#define RENDER_TABLE_H

#include "render/render.h"

enum table_type {
	TABLE_TEXT,
	TABLE_BYTES,   /* number */
	TABLE_COUNT,   /* number */
	TABLE_HEX,     /* number */
	TABLE_ERROR,   /* real, bytes: "± 12.0 KiB"; nothing in text if 0 */
	TABLE_SHARE,   /* real, 0 to 1: "12.5 %" */
	TABLE_SECONDS, /* real; negative is unknown */
};

struct table_column {
	const char *name;  /* in CSV */
	const char *title; /* in text; NULL: the column is not in text */
	enum table_type type;
};

struct table_cell {
	char *text; /* owned */
	uint64_t number;
	double real;
};

struct table {
	const struct table_column *columns;
	size_t n_columns;
	struct table_cell *cells; /* row by row */
	size_t n_cells;
	int error;      /* the first; then adding does nothing, and printing returns it */
	bool has_names; /* in CSV: the first line is printed */
};

/* columns must outlive the table. */
void table_init(struct table *table, const struct table_column *columns, size_t n_columns);
void table_deinit(struct table *table);

/* The next cell, which must be of that type. NULL, PROFILE_UNKNOWN and NAN leave it empty. */
void table_add_text(struct table *table, const char *text);
void table_add_number(struct table *table, uint64_t number);
void table_add_real(struct table *table, double real);

/* Titles, then a line a row, each indented by two; the last column is not padded. */
int table_print_text(const struct table *table, const struct render_options *options, FILE *out);
/*
 * RFC 4180 with plain line feeds: names, then a line a row. The rows are dropped, and may be followed by others:
 * a long table need not be in memory as a whole.
 */
int table_print_csv(struct table *table, FILE *out);

#endif
