/* SPDX-License-Identifier: MIT */
/*
 * eh-instruction.c: the encodings of call frame instructions (DWARF 4, section 7.23, and GNU's), brought
 * down to a few effects, with factored operands multiplied out.
 *
 * Context: as eh-frame.c.
 */
#include "agent/core/eh-instruction.h"

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

/* Passes over an expression. Its value is the place of its length, from tables->start. */
static int64_t take_expression(struct eh_reader *reader, struct eh_cursor *c)
{
	int64_t place = (int64_t)(c->at - reader->tables->start);

	eh_skip(c, eh_take_uleb(c));
	return place;
}

static int64_t scaled(const struct eh_reader *reader, int64_t factored)
{
	return (int64_t)((uint64_t)factored * (uint64_t)reader->function->data_align);
}

static void set_rule(struct eh_instruction *i, uint64_t reg, enum eh_kind kind, int64_t value)
{
	i->effect = EH_EFFECT_RULE;
	i->reg = reg;
	i->kind = kind;
	i->value = value;
}

static void set_advance(struct eh_reader *reader, struct eh_instruction *i, uint64_t delta)
{
	i->effect = EH_EFFECT_ADVANCE;
	i->value = (int64_t)(delta * reader->function->code_align);
}

static void decode_cfa(struct eh_reader *reader, struct eh_cursor *c, uint8_t op,
		       struct eh_instruction *i)
{
	switch (op) {
	case CFA_DEF_CFA:
		i->effect = EH_EFFECT_CFA;
		i->reg = eh_take_uleb(c);
		i->value = (int64_t)eh_take_uleb(c);
		break;
	case CFA_DEF_CFA_SF:
		i->effect = EH_EFFECT_CFA;
		i->reg = eh_take_uleb(c);
		i->value = scaled(reader, eh_take_sleb(c));
		break;
	case CFA_DEF_CFA_REGISTER:
		i->effect = EH_EFFECT_CFA_REGISTER;
		i->reg = eh_take_uleb(c);
		break;
	case CFA_DEF_CFA_OFFSET:
		i->effect = EH_EFFECT_CFA_OFFSET;
		i->value = (int64_t)eh_take_uleb(c);
		break;
	case CFA_DEF_CFA_OFFSET_SF:
		i->effect = EH_EFFECT_CFA_OFFSET;
		i->value = scaled(reader, eh_take_sleb(c));
		break;
	default:
		i->effect = EH_EFFECT_CFA_EXPRESSION;
		i->value = take_expression(reader, c);
		break;
	}
}

static void decode_rule(struct eh_reader *reader, struct eh_cursor *c, uint8_t op,
			struct eh_instruction *i)
{
	uint64_t reg = eh_take_uleb(c);

	switch (op) {
	case CFA_OFFSET_EXTENDED:
		set_rule(i, reg, EH_OFFSET, scaled(reader, (int64_t)eh_take_uleb(c)));
		break;
	case CFA_OFFSET_EXTENDED_SF:
		set_rule(i, reg, EH_OFFSET, scaled(reader, eh_take_sleb(c)));
		break;
	case CFA_GNU_NEGATIVE_OFFSET_EXTENDED:
		set_rule(i, reg, EH_OFFSET, -scaled(reader, (int64_t)eh_take_uleb(c)));
		break;
	case CFA_VAL_OFFSET:
		set_rule(i, reg, EH_VAL_OFFSET, scaled(reader, (int64_t)eh_take_uleb(c)));
		break;
	case CFA_VAL_OFFSET_SF:
		set_rule(i, reg, EH_VAL_OFFSET, scaled(reader, eh_take_sleb(c)));
		break;
	case CFA_EXPRESSION:
		set_rule(i, reg, EH_EXPRESSION, take_expression(reader, c));
		break;
	case CFA_VAL_EXPRESSION:
		set_rule(i, reg, EH_VAL_EXPRESSION, take_expression(reader, c));
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
		i->effect = EH_EFFECT_RESTORE;
		i->reg = reg;
		break;
	}
}

static void decode_location(struct eh_reader *reader, struct eh_cursor *c, uint8_t op,
			    struct eh_instruction *i)
{
	const struct eh_tables *tables = reader->tables;
	struct eh_bases bases = {tables->hdr, reader->function->start, tables->start, tables->end};

	switch (op) {
	case CFA_ADVANCE_LOC1:
		set_advance(reader, i, eh_take_u8(c));
		break;
	case CFA_ADVANCE_LOC2:
		set_advance(reader, i, eh_take(c, 2));
		break;
	case CFA_ADVANCE_LOC4:
		set_advance(reader, i, eh_take(c, 4));
		break;
	case CFA_MIPS_ADVANCE_LOC8:
		set_advance(reader, i, eh_take(c, 8));
		break;
	default:
		i->effect = EH_EFFECT_SET_LOC;
		i->value = (int64_t)eh_take_pointer(c, reader->function->encoding, &bases);
		break;
	}
}

bool eh_instruction_take(struct eh_reader *reader, struct eh_cursor *c, struct eh_instruction *i)
{
	uint8_t op = eh_take_u8(c), low = op & 0x3f;

	if (c->bad || reader->left-- == 0)
		return false;
	*i = (struct eh_instruction){.effect = EH_EFFECT_NONE};
	switch (op & 0xc0) {
	case CFA_ADVANCE_LOC:
		set_advance(reader, i, low);
		return true;
	case CFA_OFFSET:
		set_rule(i, low, EH_OFFSET, scaled(reader, (int64_t)eh_take_uleb(c)));
		return !c->bad;
	case CFA_RESTORE:
		i->effect = EH_EFFECT_RESTORE;
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
		i->effect = EH_EFFECT_REMEMBER;
		break;
	case CFA_RESTORE_STATE:
		i->effect = EH_EFFECT_RESTORE_STATE;
		break;
	case CFA_SET_LOC:
	case CFA_ADVANCE_LOC1:
	case CFA_ADVANCE_LOC2:
	case CFA_ADVANCE_LOC4:
	case CFA_MIPS_ADVANCE_LOC8:
		decode_location(reader, c, op, i);
		break;
	case CFA_DEF_CFA:
	case CFA_DEF_CFA_SF:
	case CFA_DEF_CFA_REGISTER:
	case CFA_DEF_CFA_OFFSET:
	case CFA_DEF_CFA_OFFSET_SF:
	case CFA_DEF_CFA_EXPRESSION:
		decode_cfa(reader, c, op, i);
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
		decode_rule(reader, c, op, i);
		break;
	default:
		return false;
	}
	return !c->bad;
}
