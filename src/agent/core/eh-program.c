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

enum {
	CFA_NOP = 0x00,
	CFA_SET_LOC = 0x01,
	CFA_ADVANCE_LOC1 = 0x02,
	CFA_ADVANCE_LOC2 = 0x03,
	CFA_ADVANCE_LOC4 = 0x04,
	CFA_OFFSET_EXTENDED = 0x05,
	CFA_RESTORE_EXTENDED = 0x06,
	CFA_UNDEFINED = 0x07,
	CFA_SAME_VALUE = 0x08,
	CFA_REGISTER = 0x09,
	CFA_REMEMBER_STATE = 0x0a,
	CFA_RESTORE_STATE = 0x0b,
	CFA_DEF_CFA = 0x0c,
	CFA_DEF_CFA_REGISTER = 0x0d,
	CFA_DEF_CFA_OFFSET = 0x0e,
	CFA_DEF_CFA_EXPRESSION = 0x0f,
	CFA_EXPRESSION = 0x10,
	CFA_OFFSET_EXTENDED_SF = 0x11,
	CFA_DEF_CFA_SF = 0x12,
	CFA_DEF_CFA_OFFSET_SF = 0x13,
	CFA_VAL_OFFSET = 0x14,
	CFA_VAL_OFFSET_SF = 0x15,
	CFA_VAL_EXPRESSION = 0x16,
	CFA_MIPS_ADVANCE_LOC8 = 0x1d,
	CFA_GNU_WINDOW_SAVE = 0x2d, /* on aarch64: toggles the signing of return addresses */
	CFA_GNU_ARGS_SIZE = 0x2e,
	CFA_GNU_NEGATIVE_OFFSET_EXTENDED = 0x2f,
	/* the operand stands in the low six bits */
	CFA_ADVANCE_LOC = 0x40,
	CFA_OFFSET = 0x80,
	CFA_RESTORE = 0xc0,
};

/* More than the largest function of any program has, and soon over if the table is damaged. */
enum { INSTRUCTIONS_MAX = 1 << 18 };
enum { NO_REGISTER = 0xff };

enum effect {
	EFFECT_NONE,
	EFFECT_ADVANCE, /* by value */
	EFFECT_SET_LOC, /* to value */
	EFFECT_REMEMBER,
	EFFECT_RESTORE_STATE,
	EFFECT_RESTORE, /* reg */
	EFFECT_RULE,    /* reg: kind, value */
	EFFECT_CFA,     /* reg, value */
	EFFECT_CFA_REGISTER,
	EFFECT_CFA_OFFSET,
	EFFECT_CFA_EXPRESSION,
};

/* One instruction, decoded. */
struct instruction {
	enum effect effect;
	enum eh_kind kind;
	uint64_t reg;
	int64_t value;
};

struct machine {
	const struct eh_tables *tables;
	const struct eh_function *function;
	uint32_t left; /* instructions */
};

/* Passes over an expression. Its value is the place of its length, from tables->start. */
static int64_t take_expression(struct machine *machine, struct eh_cursor *c)
{
	int64_t place = (int64_t)(c->at - machine->tables->start);

	eh_skip(c, eh_take_uleb(c));
	return place;
}

static int64_t scaled(const struct machine *machine, int64_t factored)
{
	return (int64_t)((uint64_t)factored * (uint64_t)machine->function->data_align);
}

static void set_rule(struct instruction *i, uint64_t reg, enum eh_kind kind, int64_t value)
{
	i->effect = EFFECT_RULE;
	i->reg = reg;
	i->kind = kind;
	i->value = value;
}

static void set_advance(struct machine *machine, struct instruction *i, uint64_t delta)
{
	i->effect = EFFECT_ADVANCE;
	i->value = (int64_t)(delta * machine->function->code_align);
}

static void decode_cfa(struct machine *machine, struct eh_cursor *c, uint8_t op,
		       struct instruction *i)
{
	switch (op) {
	case CFA_DEF_CFA:
		i->effect = EFFECT_CFA;
		i->reg = eh_take_uleb(c);
		i->value = (int64_t)eh_take_uleb(c);
		break;
	case CFA_DEF_CFA_SF:
		i->effect = EFFECT_CFA;
		i->reg = eh_take_uleb(c);
		i->value = scaled(machine, eh_take_sleb(c));
		break;
	case CFA_DEF_CFA_REGISTER:
		i->effect = EFFECT_CFA_REGISTER;
		i->reg = eh_take_uleb(c);
		break;
	case CFA_DEF_CFA_OFFSET:
		i->effect = EFFECT_CFA_OFFSET;
		i->value = (int64_t)eh_take_uleb(c);
		break;
	case CFA_DEF_CFA_OFFSET_SF:
		i->effect = EFFECT_CFA_OFFSET;
		i->value = scaled(machine, eh_take_sleb(c));
		break;
	default:
		i->effect = EFFECT_CFA_EXPRESSION;
		i->value = take_expression(machine, c);
		break;
	}
}

static void decode_rule(struct machine *machine, struct eh_cursor *c, uint8_t op,
			struct instruction *i)
{
	uint64_t reg = eh_take_uleb(c);

	switch (op) {
	case CFA_OFFSET_EXTENDED:
		set_rule(i, reg, EH_OFFSET, scaled(machine, (int64_t)eh_take_uleb(c)));
		break;
	case CFA_OFFSET_EXTENDED_SF:
		set_rule(i, reg, EH_OFFSET, scaled(machine, eh_take_sleb(c)));
		break;
	case CFA_GNU_NEGATIVE_OFFSET_EXTENDED:
		set_rule(i, reg, EH_OFFSET, -scaled(machine, (int64_t)eh_take_uleb(c)));
		break;
	case CFA_VAL_OFFSET:
		set_rule(i, reg, EH_VAL_OFFSET, scaled(machine, (int64_t)eh_take_uleb(c)));
		break;
	case CFA_VAL_OFFSET_SF:
		set_rule(i, reg, EH_VAL_OFFSET, scaled(machine, eh_take_sleb(c)));
		break;
	case CFA_EXPRESSION:
		set_rule(i, reg, EH_EXPRESSION, take_expression(machine, c));
		break;
	case CFA_VAL_EXPRESSION:
		set_rule(i, reg, EH_VAL_EXPRESSION, take_expression(machine, c));
		break;
	case CFA_REGISTER:
		set_rule(i, reg, EH_REGISTER, (int64_t)eh_take_uleb(c));
		break;
	case CFA_UNDEFINED:
		set_rule(i, reg, EH_UNDEFINED, 0);
		break;
	case CFA_SAME_VALUE:
		set_rule(i, reg, EH_SAME, 0);
		break;
	default:
		i->effect = EFFECT_RESTORE;
		i->reg = reg;
		break;
	}
}

static void decode_location(struct machine *machine, struct eh_cursor *c, uint8_t op,
			    struct instruction *i)
{
	const struct eh_tables *tables = machine->tables;
	struct eh_bases bases = {tables->hdr, machine->function->start, tables->start, tables->end};

	switch (op) {
	case CFA_ADVANCE_LOC1:
		set_advance(machine, i, eh_take_u8(c));
		break;
	case CFA_ADVANCE_LOC2:
		set_advance(machine, i, eh_take(c, 2));
		break;
	case CFA_ADVANCE_LOC4:
		set_advance(machine, i, eh_take(c, 4));
		break;
	case CFA_MIPS_ADVANCE_LOC8:
		set_advance(machine, i, eh_take(c, 8));
		break;
	default:
		i->effect = EFFECT_SET_LOC;
		i->value = (int64_t)eh_take_pointer(c, machine->function->encoding, &bases);
		break;
	}
}

/* False if there is none that we know, or too many were read. */
static bool decode(struct machine *machine, struct eh_cursor *c, struct instruction *i)
{
	uint8_t op = eh_take_u8(c), low = op & 0x3f;

	if (c->bad || machine->left-- == 0)
		return false;
	*i = (struct instruction){.effect = EFFECT_NONE};
	switch (op & 0xc0) {
	case CFA_ADVANCE_LOC:
		set_advance(machine, i, low);
		return true;
	case CFA_OFFSET:
		set_rule(i, low, EH_OFFSET, scaled(machine, (int64_t)eh_take_uleb(c)));
		return !c->bad;
	case CFA_RESTORE:
		i->effect = EFFECT_RESTORE;
		i->reg = low;
		return true;
	}
	switch (op) {
	case CFA_NOP:
	case CFA_GNU_WINDOW_SAVE:
		break;
	case CFA_GNU_ARGS_SIZE:
		eh_take_uleb(c);
		break;
	case CFA_REMEMBER_STATE:
		i->effect = EFFECT_REMEMBER;
		break;
	case CFA_RESTORE_STATE:
		i->effect = EFFECT_RESTORE_STATE;
		break;
	case CFA_SET_LOC:
	case CFA_ADVANCE_LOC1:
	case CFA_ADVANCE_LOC2:
	case CFA_ADVANCE_LOC4:
	case CFA_MIPS_ADVANCE_LOC8:
		decode_location(machine, c, op, i);
		break;
	case CFA_DEF_CFA:
	case CFA_DEF_CFA_SF:
	case CFA_DEF_CFA_REGISTER:
	case CFA_DEF_CFA_OFFSET:
	case CFA_DEF_CFA_OFFSET_SF:
	case CFA_DEF_CFA_EXPRESSION:
		decode_cfa(machine, c, op, i);
		break;
	case CFA_OFFSET_EXTENDED:
	case CFA_OFFSET_EXTENDED_SF:
	case CFA_GNU_NEGATIVE_OFFSET_EXTENDED:
	case CFA_VAL_OFFSET:
	case CFA_VAL_OFFSET_SF:
	case CFA_EXPRESSION:
	case CFA_VAL_EXPRESSION:
	case CFA_REGISTER:
	case CFA_UNDEFINED:
	case CFA_SAME_VALUE:
	case CFA_RESTORE_EXTENDED:
		decode_rule(machine, c, op, i);
		break;
	default:
		return false;
	}
	return !c->bad;
}

/*
 * The cursor stands behind a remember_state. If its restore_state is at or before pc, moves cursor and
 * location behind that.
 */
static bool pass_remembered(struct machine *machine, struct eh_cursor *c, uint64_t *location,
			    uint64_t pc)
{
	struct eh_cursor ahead = *c;
	uint64_t there = *location;
	struct instruction i;
	unsigned depth = 1;

	while (ahead.at < ahead.end) {
		if (!decode(machine, &ahead, &i))
			return false;
		if (i.effect == EFFECT_ADVANCE)
			there += (uint64_t)i.value;
		else if (i.effect == EFFECT_SET_LOC)
			there = (uint64_t)i.value;
		else if (i.effect == EFFECT_REMEMBER)
			depth++;
		else if (i.effect == EFFECT_RESTORE_STATE && --depth == 0) {
			*c = ahead;
			*location = there;
			return true;
		}
		if (there > pc)
			return true;
	}
	return true;
}

/* Puts what one instruction says of registers and CFA into the row. */
static bool apply(const struct instruction *i, const struct eh_row *initial, struct eh_row *row)
{
	if (i->value != (int32_t)i->value && i->effect >= EFFECT_RULE &&
	    (i->kind < EH_EXPRESSION || i->effect != EFFECT_RULE) &&
	    i->effect != EFFECT_CFA_EXPRESSION && i->effect != EFFECT_CFA_REGISTER)
		return false;
	switch (i->effect) {
	case EFFECT_RESTORE:
		if (i->reg < UNWIND_N_REGS) {
			row->kind[i->reg] = initial->kind[i->reg];
			row->value[i->reg] = initial->value[i->reg];
		}
		return true;
	case EFFECT_RULE:
		if (i->reg < UNWIND_N_REGS) {
			row->kind[i->reg] = (uint8_t)i->kind;
			row->value[i->reg] = (int32_t)i->value;
		}
		return true;
	case EFFECT_CFA:
		row->cfa_is_expression = false;
		row->cfa_register = i->reg < UNWIND_N_REGS ? (uint8_t)i->reg : NO_REGISTER;
		row->cfa_value = (int32_t)i->value;
		return true;
	case EFFECT_CFA_REGISTER:
		row->cfa_is_expression = false;
		row->cfa_register = i->reg < UNWIND_N_REGS ? (uint8_t)i->reg : NO_REGISTER;
		return true;
	case EFFECT_CFA_OFFSET:
		row->cfa_value = (int32_t)i->value;
		return true;
	case EFFECT_CFA_EXPRESSION:
		row->cfa_is_expression = true;
		row->cfa_value = (int32_t)i->value;
		return true;
	default:
		return true;
	}
}

static bool run(struct machine *machine, struct eh_cursor c, uint64_t pc,
		const struct eh_row *initial, struct eh_row *row)
{
	uint64_t location = machine->function->start;
	struct instruction i;

	while (c.at < c.end) {
		if (!decode(machine, &c, &i))
			return false;
		switch (i.effect) {
		case EFFECT_ADVANCE:
			location += (uint64_t)i.value;
			break;
		case EFFECT_SET_LOC:
			location = (uint64_t)i.value;
			break;
		case EFFECT_REMEMBER:
			if (!pass_remembered(machine, &c, &location, pc))
				return false;
			break;
		case EFFECT_RESTORE_STATE:
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
	struct machine machine = {tables, function, INSTRUCTIONS_MAX};
	struct eh_row initial = {.cfa_register = NO_REGISTER};

	initial.ra = function->ra;
	initial.is_signal = function->is_signal;
	if (!run(&machine, function->initial, UINT64_MAX, &initial, &initial))
		return EH_DAMAGED;
	*ret = initial;
	if (!run(&machine, function->program, pc, &initial, ret))
		return EH_DAMAGED;
	if (!ret->cfa_is_expression && ret->cfa_register == NO_REGISTER)
		return EH_DAMAGED;
	return 0;
}
