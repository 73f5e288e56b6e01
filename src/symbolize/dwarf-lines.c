/* SPDX-License-Identifier: MIT */
/*
 * dwarf-lines.c: line tables, kept small.
 *
 * A line table is a program for a machine that counts addresses and lines (dwarf-line-program.h). libdw runs it
 * too, but keeps of each row all that the standard has for it, and sorts the rows: for a large program that is most of what
 * a profile's names cost. Here a row is twelve bytes.
 *
 * Sequences come in any order, so they are put in order as wholes. A row is found by a binary search; as in a rangemap, a
 * guide leads to the few rows that are near.
 *
 * Files are named by a folder and a name in the table's head; the path is put together when it is asked for,
 * because a unit names hundreds of headers and needs few.
 */
#include "symbolize/dwarf-lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "symbolize/dwarf-line-program.h"

/* Rows to a step of the guide, on average. */
enum { GUIDE_ROWS = 8 };

static int compare_sequences(const void *a, const void *b)
{
	const struct dwarf_line_sequence *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->first > y->first) - (x->first < y->first);
}

static bool is_in_order(const struct dwarf_line_program *program)
{
	for (size_t i = 1; i < program->n_sequences; i++)
		if (program->sequences[i].first < program->sequences[i - 1].first)
			return false;
	return true;
}

/* Moves the rows of all sequences, now relative to the first one's start, to where there is room for all. */
static void move_rows(const struct dwarf_line_program *program, struct dwarf_lines *lines,
		      struct dwarf_line_row *rows)
{
	size_t n = 0;

	for (size_t i = 0; i < program->n_sequences; i++) {
		const struct dwarf_line_sequence *sequence = &program->sequences[i];
		uint64_t shift = sequence->start - lines->base;

		/* a gap where the next sequence begins is none */
		if (n > 0 && rows[n - 1].offset >= shift)
			n--;
		for (size_t k = 0; k < sequence->n; k++) {
			struct dwarf_line_row row = program->rows[sequence->first + k];

			if (row.offset + shift > UINT32_MAX)
				break;
			row.offset += (uint32_t)shift;
			rows[n++] = row;
		}
	}
	lines->rows = rows;
	lines->n_rows = n;
}

/* Sequences mostly are in order, and then their rows stay where they are. */
static int order_rows(struct dwarf_line_program *program, struct dwarf_lines *lines)
{
	struct dwarf_line_row *rows;

	if (program->n_sequences == 0)
		return 0;
	if (program->n_rows >= UINT32_MAX)
		return -ENOMEM;
	qsort(program->sequences, program->n_sequences, sizeof(*program->sequences),
	      compare_sequences);
	lines->base = program->sequences[0].start;
	if (is_in_order(program)) {
		move_rows(program, lines, program->rows);
		program->rows = NULL;
	} else {
		rows = reallocarray(NULL, program->n_rows, sizeof(*rows));
		if (!rows)
			return -ENOMEM;
		move_rows(program, lines, rows);
	}
	rows = reallocarray(lines->rows, lines->n_rows, sizeof(*rows));
	if (rows)
		lines->rows = rows;
	return 0;
}

static int make_guide(struct dwarf_lines *lines)
{
	uint32_t last, row = 0;
	size_t n;

	if (lines->n_rows == 0)
		return 0;
	last = lines->rows[lines->n_rows - 1].offset;
	while (last >> lines->shift > lines->n_rows / GUIDE_ROWS + 1)
		lines->shift++;
	n = (last >> lines->shift) + 1;
	lines->guide = reallocarray(NULL, n + 1, sizeof(*lines->guide));
	if (!lines->guide)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		while (row + 1 < lines->n_rows &&
		       lines->rows[row + 1].offset <= (uint64_t)i << lines->shift)
			row++;
		lines->guide[i] = row;
	}
	lines->guide[n] = (uint32_t)lines->n_rows - 1;
	return 0;
}

int dwarf_lines_load(struct dwarf_lines *lines, const struct dwarf_line_sections *sections,
		     uint64_t offset, const struct elffile *code)
{
	_cleanup_(dwarf_line_head_deinit) struct dwarf_line_head head = {};
	_cleanup_(dwarf_line_program_deinit) struct dwarf_line_program program = {};
	int r = dwarf_line_head_read(&head, sections, offset);

	if (r < 0)
		return r == -EBADMSG ? 0 : r;
	r = dwarf_line_program_run(&head, code, &program);
	if (r >= 0)
		r = order_rows(&program, lines);
	if (r >= 0)
		r = make_guide(lines);
	if (r < 0)
		return r;
	lines->files = head.files;
	lines->n_files = head.n_files;
	head.files = NULL;
	head.n_files = 0;
	return 0;
}

void dwarf_lines_deinit(struct dwarf_lines *lines)
{
	for (size_t i = 0; i < lines->n_files; i++)
		free(lines->files[i].path);
	free(lines->files);
	free(lines->rows);
	free(lines->guide);
	*lines = (struct dwarf_lines){};
}

const struct dwarf_line_row *dwarf_lines_find(const struct dwarf_lines *lines, uint64_t address)
{
	const uint64_t offset = address - lines->base;
	size_t low, high, step;

	if (lines->n_rows == 0 || address < lines->base)
		return NULL;
	/* behind the last row is as at it; the row is low, or one behind it up to high */
	low = high = lines->n_rows - 1;
	if (offset < lines->rows[high].offset) {
		step = offset >> lines->shift;
		low = lines->guide[step];
		high = lines->guide[step + 1];
	}
	while (low < high) {
		size_t middle = high - (high - low) / 2;

		if (lines->rows[middle].offset <= offset)
			low = middle;
		else
			high = middle - 1;
	}
	return lines->rows[low].file == DWARF_LINES_GAP ? NULL : &lines->rows[low];
}

const char *dwarf_lines_file(struct dwarf_lines *lines, uint64_t index)
{
	struct dwarf_line_file *file = index < lines->n_files ? &lines->files[index] : NULL;

	if (!file || !file->name)
		return NULL;
	if (file->name[0] == '/' || !file->dir)
		return file->name;
	if (!file->path && asprintf(&file->path, "%s/%s", file->dir, file->name) < 0)
		file->path = NULL;
	return file->path;
}
