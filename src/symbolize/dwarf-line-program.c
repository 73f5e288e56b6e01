/* SPDX-License-Identifier: MIT */
/*
 * dwarf-line-program.c: the machine that counts addresses and lines. Only what changes the answer becomes a row: where
 * several rows have one address the last counts, and where line and file stay there is no new row.
 *
 * Functions that the linker threw away leave sequences at address zero or so, which are not taken.
 */
#include "symbolize/dwarf-line-program.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>

#include "base/grow.h"
#include "base/macro.h"

/* What a special opcode adds to the registers. */
struct step {
	uint16_t address;
	int16_t line;
};

struct machine {
	struct dwarf_line_head *head;
	struct step steps[UINT8_MAX + 1]; /* by opcode */
	const struct elffile *code;
	struct dwarf_line_program made;
	struct dwarf_line_sequence open;
	/* registers */
	uint64_t address, line, file;
};

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

	if (machine->made.n_rows > machine->open.first)
		last = &machine->made.rows[machine->made.n_rows - 1];
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
	if (GROW(machine->made.rows, machine->made.n_rows) < 0 || !machine->made.rows)
		return -ENOMEM;
	machine->made.rows[machine->made.n_rows++] = row;
	return 0;
}

static inline int add_line(struct machine *machine)
{
	if (machine->made.n_rows > machine->open.first) {
		const struct dwarf_line_row *last = &machine->made.rows[machine->made.n_rows - 1];

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
	struct dwarf_line_sequence *open = &machine->open;
	int r = add_row(machine, DWARF_LINES_GAP, 0);

	if (r < 0)
		return r;
	open->n = machine->made.n_rows - open->first;
	if (open->start == 0 || !elffile_is_code(machine->code, open->start)) {
		machine->made.n_rows = open->first;
	} else {
		if (GROW(machine->made.sequences, machine->made.n_sequences) < 0)
			return -ENOMEM;
		machine->made.sequences[machine->made.n_sequences++] = *open;
	}
	*open = (struct dwarf_line_sequence){.first = machine->made.n_rows};
	reset(machine);
	return 0;
}

static int run_extended(struct machine *machine)
{
	struct bytes *program = &machine->head->program, operand;
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
		return dwarf_line_head_add_file(machine->head, &operand, &more);
	default:
		return 0;
	}
}

static void advance(struct machine *machine, uint64_t instructions)
{
	machine->address += instructions * machine->head->min_instruction;
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
		for (uint8_t i = 0; i < machine->head->lengths[opcode - 1]; i++)
			(void)bytes_uleb(program);
		return 0;
	}
}

/* Divides once for all: a step for the first opcode, and for each that follows a line more or an instruction. */
static void prepare(struct machine *machine)
{
	const struct dwarf_line_head *head = machine->head;
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
	const uint8_t opcode_base = machine->head->opcode_base;
	/* a copy, which can stay in registers */
	struct bytes program = machine->head->program;
	int r = 0;

	while (r >= 0 && bytes_left(&program) > 0) {
		const uint8_t opcode = bytes_u8(&program);

		if (opcode >= opcode_base) {
			machine->address += machine->steps[opcode].address;
			machine->line += (uint64_t)machine->steps[opcode].line;
			r = add_line(machine);
		} else if (opcode == 0) {
			machine->head->program = program;
			r = run_extended(machine);
			program = machine->head->program;
		} else {
			r = run_standard(machine, opcode, &program);
		}
	}
	return r;
}

void dwarf_line_program_deinit(struct dwarf_line_program *program)
{
	free(program->rows);
	free(program->sequences);
	*program = (struct dwarf_line_program){};
}

int dwarf_line_program_run(struct dwarf_line_head *head, const struct elffile *code,
			   struct dwarf_line_program *ret)
{
	struct machine machine = {.head = head, .code = code};
	int r;

	reset(&machine);
	prepare(&machine);
	r = run(&machine);
	if (r < 0)
		dwarf_line_program_deinit(&machine.made);
	*ret = machine.made;
	return r;
}
