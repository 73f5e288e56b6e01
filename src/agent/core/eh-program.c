/* SPDX-License-Identifier: MIT */
/*
 * eh-program.c: the interpreter of call frame instructions (DWARF 4, section 6.4.2, and GNU's).
 *
 * Context: as eh-frame.c. All state is one row for the result and one for what the CIE began with,
 * about 200 bytes.
 *
 * remember_state and restore_state would need a stack of rows. There is none: when a remember is met,
 * the matching restore is looked for ahead. If the pc lies beyond it, everything between the two changes
 * nothing but the location, and is passed over; if not, the restore will never be reached, and there is
 * nothing to remember.
 */
#include "agent/core/eh-program.h"

#include "agent/core/eh-instruction.h"

enum { NO_REGISTER = 0xff };

/*
 * The cursor stands behind a remember_state. If its restore_state is at or before pc, moves cursor and
 * location behind that.
 */
static bool pass_remembered(struct eh_reader *reader, struct eh_cursor *c, uint64_t *location,
			    uint64_t pc)
{
	struct eh_cursor ahead = *c;
	uint64_t there = *location;
	struct eh_instruction i;
	unsigned depth = 1;

	while (ahead.at < ahead.end) {
		if (!eh_instruction_take(reader, &ahead, &i))
			return false;
		if (i.effect == EH_EFFECT_ADVANCE)
			there += (uint64_t)i.value;
		else if (i.effect == EH_EFFECT_SET_LOC)
			there = (uint64_t)i.value;
		else if (i.effect == EH_EFFECT_REMEMBER)
			depth++;
		else if (i.effect == EH_EFFECT_RESTORE_STATE && --depth == 0) {
			*c = ahead;
			*location = there;
			return true;
		}
		if (there > pc)
			return true;
	}
	return true;
}

/* A row has 32 bits for a value. Of the place of an expression, below 4 GiB, they are all that there is. */
static bool fits(const struct eh_instruction *i)
{
	switch (i->effect) {
	case EH_EFFECT_RULE:
		return i->kind >= EH_EXPRESSION || i->value == (int32_t)i->value;
	case EH_EFFECT_CFA:
	case EH_EFFECT_CFA_OFFSET:
		return i->value == (int32_t)i->value;
	default:
		return true;
	}
}

/* Puts what one instruction says of registers and CFA into the row. */
static bool apply(const struct eh_instruction *i, const struct eh_row *initial, struct eh_row *row)
{
	if (!fits(i))
		return false;
	switch (i->effect) {
	case EH_EFFECT_RESTORE:
		if (i->reg < UNWIND_N_REGS) {
			row->kind[i->reg] = initial->kind[i->reg];
			row->value[i->reg] = initial->value[i->reg];
		}
		return true;
	case EH_EFFECT_RULE:
		if (i->reg < UNWIND_N_REGS) {
			row->kind[i->reg] = (uint8_t)i->kind;
			row->value[i->reg] = (int32_t)i->value;
		}
		return true;
	case EH_EFFECT_CFA:
		row->cfa_is_expression = false;
		row->cfa_register = i->reg < UNWIND_N_REGS ? (uint8_t)i->reg : NO_REGISTER;
		row->cfa_value = (int32_t)i->value;
		return true;
	case EH_EFFECT_CFA_REGISTER:
		row->cfa_is_expression = false;
		row->cfa_register = i->reg < UNWIND_N_REGS ? (uint8_t)i->reg : NO_REGISTER;
		return true;
	case EH_EFFECT_CFA_OFFSET:
		row->cfa_value = (int32_t)i->value;
		return true;
	case EH_EFFECT_CFA_EXPRESSION:
		row->cfa_is_expression = true;
		row->cfa_value = (int32_t)i->value;
		return true;
	default:
		return true;
	}
}

static bool run(struct eh_reader *reader, struct eh_cursor c, uint64_t pc,
		const struct eh_row *initial, struct eh_row *row)
{
	uint64_t location = reader->function->start;
	struct eh_instruction i;

	while (c.at < c.end) {
		if (!eh_instruction_take(reader, &c, &i))
			return false;
		switch (i.effect) {
		case EH_EFFECT_ADVANCE:
			location += (uint64_t)i.value;
			break;
		case EH_EFFECT_SET_LOC:
			location = (uint64_t)i.value;
			break;
		case EH_EFFECT_REMEMBER:
			if (!pass_remembered(reader, &c, &location, pc))
				return false;
			break;
		case EH_EFFECT_RESTORE_STATE:
			return false;
		default:
			if (!apply(&i, initial, row))
				return false;
			break;
		}
		if (location > pc)
			return true;
	}
	return true;
}

int eh_program_run(const struct eh_tables *tables, const struct eh_function *function, uintptr_t pc,
		   struct eh_row *ret)
{
	struct eh_reader reader = {tables, function, EH_INSTRUCTIONS_MAX};
	struct eh_row initial = {.cfa_register = NO_REGISTER};

	initial.ra = function->ra;
	initial.is_signal = function->is_signal;
	if (!run(&reader, function->initial, UINT64_MAX, &initial, &initial))
		return EH_DAMAGED;
	*ret = initial;
	if (!run(&reader, function->program, pc, &initial, ret))
		return EH_DAMAGED;
	if (!ret->cfa_is_expression && ret->cfa_register == NO_REGISTER)
		return EH_DAMAGED;
	return 0;
}
