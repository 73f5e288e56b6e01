/* SPDX-License-Identifier: MIT */
/*
 * fuzz-eh-frame.c: exception tables of a damaged module. The first byte says what the rest is: whole
 * tables with a pc, the program of one function, or an expression. Whatever it is, the answer comes
 * soon, and nothing outside of the tables and of the stack is touched.
 */
#include "agent/core/eh-frame.h"

#include <stdlib.h>
#include <string.h>

#include "agent/core/eh-program.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS = 64 };

static void apply(const struct eh_tables *tables, const struct eh_row *row)
{
	uint64_t words[WORDS];
	struct unwind_memory memory = {.low = (uintptr_t)words,
				       .high = (uintptr_t)words + sizeof(words)};
	struct unwind_regs regs = {.valid = UNWIND_ALL}, caller;

	for (unsigned i = 0; i < WORDS; i++)
		words[i] = (uintptr_t)&words[(i * 7) % WORDS];
	for (unsigned i = 0; i < UNWIND_N_REGS; i++)
		regs.value[i] = (uintptr_t)&words[i];
	if (eh_row_apply(tables, row, &memory, &regs, &caller) == 0 &&
	    !(caller.valid & UNWIND_BIT(UNWIND_PC)))
		abort();
}

static void try_tables(const struct eh_tables *tables, uintptr_t pc)
{
	struct eh_row row;

	eh_frame_address(tables->hdr, tables->end);
	if (eh_frame_find(tables, pc, &row) == 0)
		apply(tables, &row);
}

static void try_program(const struct eh_tables *tables, const uint8_t *data, size_t size)
{
	struct eh_function function = {
		.start = 0x1000,
		.end = 0x2000,
		.code_align = 1,
		.data_align = -8,
		.encoding = 0x1b,
		.ra = UNWIND_PC,
	};
	uintptr_t half = tables->start + size / 2;
	struct eh_row row;

	/* the first half is the CIE's */
	function.initial = (struct eh_cursor){tables->start, half, false};
	function.program = (struct eh_cursor){half, tables->end, false};
	for (uintptr_t pc = function.start; pc < function.end; pc += 321)
		if (eh_program_run(tables, &function, pc, &row) == 0)
			apply(tables, &row);
}

static void try_expression(const struct eh_tables *tables)
{
	struct eh_row row = {.cfa_is_expression = true, .ra = UNWIND_PC};

	row.kind[UNWIND_PC] = EH_VAL_EXPRESSION;
	row.kind[UNWIND_FP] = EH_EXPRESSION;
	apply(tables, &row);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct eh_tables tables;
	uint8_t mode, *copy;
	uint16_t pc = 0;

	if (size < 3)
		return 0;
	mode = data[0];
	memcpy(&pc, data + 1, 2);
	data += 3;
	size -= 3;
	/* a copy of exactly that size, so that a byte too far is seen */
	copy = malloc(size ? size : 1);
	if (!copy)
		abort();
	memcpy(copy, data, size);
	tables = (struct eh_tables){(uintptr_t)copy, (uintptr_t)copy, (uintptr_t)copy + size};
	if (mode % 3 == 0)
		try_tables(&tables, (uintptr_t)copy + pc);
	else if (mode % 3 == 1)
		try_program(&tables, data, size);
	else
		try_expression(&tables);
	free(copy);
	return 0;
}
