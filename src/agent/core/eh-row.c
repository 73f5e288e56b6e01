/* SPDX-License-Identifier: MIT */
/*
 * eh-row.c: from a row of the tables and the registers of a frame to those of its caller.
 *
 * Context: as eh-frame.c. A register that cannot be told is left out, and the walk goes on as long as it
 * knows where the caller is and where its stack was.
 */
#include "agent/core/eh-frame.h"
#include "agent/core/eh-program.h"

/* One step from a frame to its caller. */
struct frame_step {
	const struct eh_tables *tables;
	const struct eh_row *row;
	struct unwind_memory *memory;
	const struct unwind_regs *regs;
	uint64_t cfa;
};

static bool is_known(const struct frame_step *step, uint64_t reg)
{
	return reg < UNWIND_N_REGS && step->regs->valid & UNWIND_BIT(reg);
}

static int run_expression(const struct frame_step *step, int32_t place, bool has_cfa, uint64_t *ret)
{
	return eh_expression_run(step->tables, (uint32_t)place, step->regs, step->memory,
				 has_cfa ? &step->cfa : NULL, ret);
}

static int find_cfa(const struct frame_step *step, uint64_t *ret)
{
	const struct eh_row *row = step->row;

	if (row->cfa_is_expression)
		return run_expression(step, row->cfa_value, false, ret);
	if (!is_known(step, row->cfa_register))
		return EH_UNKNOWN;
	*ret = step->regs->value[row->cfa_register] + (uint64_t)(int64_t)row->cfa_value;
	return 0;
}

/* The caller's value of register number reg. */
static int find_value(const struct frame_step *step, unsigned reg, uint64_t *ret)
{
	int32_t value = step->row->value[reg];
	uint64_t address = step->cfa + (uint64_t)(int64_t)value;
	int r;

	switch (step->row->kind[reg]) {
	case EH_SAME:
		if (!is_known(step, reg))
			return EH_UNKNOWN;
		*ret = step->regs->value[reg];
		return 0;
	case EH_OFFSET:
		return unwind_memory_read(step->memory, address, ret) ? 0 : EH_UNREADABLE;
	case EH_VAL_OFFSET:
		*ret = address;
		return 0;
	case EH_REGISTER:
		if (value < 0 || !is_known(step, (uint64_t)value))
			return EH_UNKNOWN;
		*ret = step->regs->value[value];
		return 0;
	case EH_VAL_EXPRESSION:
		return run_expression(step, value, true, ret);
	case EH_EXPRESSION:
		r = run_expression(step, value, true, &address);
		if (r < 0)
			return r;
		return unwind_memory_read(step->memory, address, ret) ? 0 : EH_UNREADABLE;
	default:
		return EH_UNKNOWN;
	}
}

int eh_row_apply(const struct eh_tables *tables, const struct eh_row *row,
		 struct unwind_memory *memory, const struct unwind_regs *regs,
		 struct unwind_regs *ret)
{
	struct frame_step step = {tables, row, memory, regs, 0};
	int r;

	if (row->kind[row->ra] == EH_UNDEFINED)
		return 1;
	r = find_cfa(&step, &step.cfa);
	if (r < 0)
		return r;
	ret->valid = 0;
	for (unsigned reg = 0; reg < UNWIND_N_REGS; reg++) {
		ret->value[reg] = 0;
		if (reg == row->ra)
			continue;
		if (reg == UNWIND_SP && row->kind[reg] == EH_SAME) {
			ret->value[reg] = step.cfa;
		} else {
			r = find_value(&step, reg, &ret->value[reg]);
			if (r == EH_DAMAGED)
				return r;
			if (r < 0)
				continue; /* not needed, perhaps */
		}
		ret->valid |= UNWIND_BIT(reg);
	}
	r = find_value(&step, row->ra, &ret->value[UNWIND_PC]);
	if (r < 0)
		return r;
	if (!(ret->valid & UNWIND_BIT(UNWIND_SP)))
		return EH_UNKNOWN;
	ret->valid |= UNWIND_BIT(UNWIND_PC);
	return 0;
}
