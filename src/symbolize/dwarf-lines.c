/* SPDX-License-Identifier: MIT */
/*
 * dwarf-lines.c: line tables, kept small.
 *
 * A line table is a program for a machine that counts addresses and lines. libdw runs it too, but keeps of
 * each row all that the standard has for it, and sorts the rows: for a large program that is most of what a
 * profile's names cost. Here a row is twelve bytes, and only what changes the answer is one: where several
 * rows have one address the last counts, and where line and file stay there is no new row.
 *
 * Within a sequence addresses ascend. Sequences come in any order, so they are put in order as wholes. A row is
 * found by a binary search; as in a rangemap, a guide leads to the few rows that are near.
 * Functions that the linker threw away leave sequences at address zero or so, which are not taken.
 *
 * Files are named by a folder and a name in the table's head; the path is put together when it is asked for,
 * because a unit names hundreds of headers and needs few.
 */
#include "symbolize/dwarf-lines.h"

#include <dwarf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/grow.h"
#include "base/macro.h"

/* Rows to a step of the guide, on average. */
enum { GUIDE_ROWS = 8 };

/* Its rows are relative to its start, and the last one is a gap. */
struct sequence {
	uint64_t start;
	size_t first, n; /* of its rows */
};

/* What a special opcode adds to the registers. */
struct step {
	uint16_t address;
	int16_t line;
};

struct machine {
	struct dwarf_line_head head;
	struct step steps[UINT8_MAX + 1]; /* by opcode */
	const struct elffile *code;
	struct dwarf_line_row *rows;
	size_t n_rows;
	struct sequence *sequences; /* those that are whole, and room for one more */
	size_t n_sequences;
	struct sequence open;
	/* registers */
	uint64_t address, line, file;
};

static void machine_deinit(struct machine *machine)
{
	dwarf_line_head_deinit(&machine->head);
	free(machine->rows);
	free(machine->sequences);
}

static void reset(struct machine *machine)
{
	machine->address = 0;
	machine->line = 1;
	machine->file = 1;
}

/* Adds what the registers say to the open sequence. */
static int add_row(struct machine *machine, uint32_t file, uint64_t line)
{
	struct dwarf_line_row row = {.line = line <= UINT32_MAX ? (uint32_t)line : 0, .file = file};
	struct dwarf_line_row *last = NULL;
	uint64_t offset;

	if (machine->n_rows > machine->open.first)
		last = &machine->rows[machine->n_rows - 1];
	else
		machine->open.start = machine->address;
	offset = machine->address - machine->open.start;
	row.offset = (uint32_t)offset;
	/* what lies gigabytes apart, or goes backwards, is no code */
	if (offset > UINT32_MAX || (last && last->offset > row.offset))
		return 0;
	if (last && last->file == row.file && last->line == row.line)
		return 0;
	if (last && last->offset == row.offset) {
		*last = row;
		return 0;
	}
	/* the second is for the analyzer, which does not know that rows were counted from none */
	if (GROW(machine->rows, machine->n_rows) < 0 || !machine->rows)
		return -ENOMEM;
	machine->rows[machine->n_rows++] = row;
	return 0;
}

static inline int add_line(struct machine *machine)
{
	if (machine->n_rows > machine->open.first) {
		const struct dwarf_line_row *last = &machine->rows[machine->n_rows - 1];

		/* as most often */
		if (last->line == machine->line && last->file == machine->file)
			return 0;
	}
	return add_row(machine, (uint32_t)MIN(machine->file, (uint64_t)DWARF_LINES_GAP - 1),
		       machine->line);
}

/* The open sequence stays only if it is of code. */
static int end_sequence(struct machine *machine)
{
	struct sequence *open = &machine->open;
	int r = add_row(machine, DWARF_LINES_GAP, 0);

	if (r < 0)
		return r;
	open->n = machine->n_rows - open->first;
	if (open->start == 0 || !elffile_is_code(machine->code, open->start)) {
		machine->n_rows = open->first;
	} else {
		if (GROW(machine->sequences, machine->n_sequences) < 0)
			return -ENOMEM;
		machine->sequences[machine->n_sequences++] = *open;
	}
	*open = (struct sequence){.first = machine->n_rows};
	reset(machine);
	return 0;
}

static int run_extended(struct machine *machine)
{
	struct bytes *program = &machine->head.program, operand;
	uint64_t size = bytes_uleb(program);
	bool more;

	operand = *program;
	bytes_skip(program, size);
	if (program->failed)
		return 0;
	operand.end = program->at;
	switch (size > 0 ? bytes_u8(&operand) : 0) {
	case DW_LNE_end_sequence:
		return end_sequence(machine);
	case DW_LNE_set_address:
		machine->address = bytes_number(&operand, MIN(size - 1, (uint64_t)8));
		return 0;
	case DW_LNE_define_file:
		return dwarf_line_head_add_file(&machine->head, &operand, &more);
	default:
		return 0;
	}
}

static void advance(struct machine *machine, uint64_t instructions)
{
	machine->address += instructions * machine->head.min_instruction;
}

static inline int run_standard(struct machine *machine, uint8_t opcode, struct bytes *program)
{
	switch (opcode) {
	case DW_LNS_copy:
		return add_line(machine);
	case DW_LNS_advance_pc:
		advance(machine, bytes_uleb(program));
		return 0;
	case DW_LNS_advance_line:
		machine->line += (uint64_t)bytes_sleb(program);
		return 0;
	case DW_LNS_set_file:
		machine->file = bytes_uleb(program);
		return 0;
	case DW_LNS_const_add_pc:
		machine->address += machine->steps[UINT8_MAX].address;
		return 0;
	case DW_LNS_fixed_advance_pc:
		machine->address += bytes_number(program, 2);
		return 0;
	default:
		/* columns, marks, and what is not known */
		for (uint8_t i = 0; i < machine->head.lengths[opcode - 1]; i++)
			(void)bytes_uleb(program);
		return 0;
	}
}

/* Divides once for all: a step for the first opcode, and for each that follows a line more or an instruction. */
static void prepare(struct machine *machine)
{
	const struct dwarf_line_head *head = &machine->head;
	const struct step first = {.line = head->line_base};
	struct step step = first;

	for (unsigned int opcode = head->opcode_base; opcode <= UINT8_MAX; opcode++) {
		machine->steps[opcode] = step;
		if (++step.line == first.line + head->line_range) {
			step.line = first.line;
			step.address = (uint16_t)(step.address + head->min_instruction);
		}
	}
}

static int run(struct machine *machine)
{
	const uint8_t opcode_base = machine->head.opcode_base;
	/* a copy, which can stay in registers */
	struct bytes program = machine->head.program;
	int r = 0;

	while (r >= 0 && bytes_left(&program) > 0) {
		const uint8_t opcode = bytes_u8(&program);

		if (opcode >= opcode_base) {
			machine->address += machine->steps[opcode].address;
			machine->line += (uint64_t)machine->steps[opcode].line;
			r = add_line(machine);
		} else if (opcode == 0) {
			machine->head.program = program;
			r = run_extended(machine);
			program = machine->head.program;
		} else {
			r = run_standard(machine, opcode, &program);
		}
	}
	return r;
}

static int compare_sequences(const void *a, const void *b)
{
	const struct sequence *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->first > y->first) - (x->first < y->first);
}

static bool is_in_order(const struct machine *machine)
{
	for (size_t i = 1; i < machine->n_sequences; i++)
		if (machine->sequences[i].first < machine->sequences[i - 1].first)
			return false;
	return true;
}

/* Moves the rows of all sequences, now relative to the first one's start, to where there is room for all. */
static void move_rows(const struct machine *machine, struct dwarf_lines *lines,
		      struct dwarf_line_row *rows)
{
	size_t n = 0;

	for (size_t i = 0; i < machine->n_sequences; i++) {
		const struct sequence *sequence = &machine->sequences[i];
		uint64_t shift = sequence->start - lines->base;

		/* a gap where the next sequence begins is none */
		if (n > 0 && rows[n - 1].offset >= shift)
			n--;
		for (size_t k = 0; k < sequence->n; k++) {
			struct dwarf_line_row row = machine->rows[sequence->first + k];

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
static int order_rows(struct machine *machine, struct dwarf_lines *lines)
{
	struct dwarf_line_row *rows;

	if (machine->n_sequences == 0)
		return 0;
	if (machine->n_rows >= UINT32_MAX)
		return -ENOMEM;
	qsort(machine->sequences, machine->n_sequences, sizeof(*machine->sequences),
	      compare_sequences);
	lines->base = machine->sequences[0].start;
	if (is_in_order(machine)) {
		move_rows(machine, lines, machine->rows);
		machine->rows = NULL;
	} else {
		rows = reallocarray(NULL, machine->n_rows, sizeof(*rows));
		if (!rows)
			return -ENOMEM;
		move_rows(machine, lines, rows);
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
	_cleanup_(machine_deinit) struct machine machine = {.code = code};
	int r = dwarf_line_head_read(&machine.head, sections, offset);

	if (r < 0)
		return r == -EBADMSG ? 0 : r;
	reset(&machine);
	prepare(&machine);
	r = run(&machine);
	if (r >= 0)
		r = order_rows(&machine, lines);
	if (r >= 0)
		r = make_guide(lines);
	if (r < 0)
		return r;
	lines->files = machine.head.files;
	lines->n_files = machine.head.n_files;
	machine.head.files = NULL;
	machine.head.n_files = 0;
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
