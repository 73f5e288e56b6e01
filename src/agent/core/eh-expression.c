/* SPDX-License-Identifier: MIT */
/*
 * eh-expression.c: DWARF's stack machine as far as call frames use it (DWARF 4, section 2.5.1).
 *
 * Context: as eh-frame.c. Expressions are rare: the procedure linkage table, functions that realign
 * the stack, the signal trampoline. The stack of 16 values is more than any of them uses.
 */
#include "agent/core/eh-program.h"

enum {
	OP_ADDR = 0x03,
	OP_DEREF = 0x06,
	OP_CONST1U = 0x08,
	OP_CONST1S = 0x09,
	OP_CONST2U = 0x0a,
	OP_CONST2S = 0x0b,
	OP_CONST4U = 0x0c,
	OP_CONST4S = 0x0d,
	OP_CONST8U = 0x0e,
	OP_CONST8S = 0x0f,
	OP_CONSTU = 0x10,
	OP_CONSTS = 0x11,
	OP_DUP = 0x12,
	OP_DROP = 0x13,
	OP_OVER = 0x14,
	OP_PICK = 0x15,
	OP_SWAP = 0x16,
	OP_ROT = 0x17,
	OP_ABS = 0x19,
	OP_AND = 0x1a,
	OP_DIV = 0x1b,
	OP_MINUS = 0x1c,
	OP_MOD = 0x1d,
	OP_MUL = 0x1e,
	OP_NEG = 0x1f,
	OP_NOT = 0x20,
	OP_OR = 0x21,
	OP_PLUS = 0x22,
	OP_PLUS_UCONST = 0x23,
	OP_SHL = 0x24,
	OP_SHR = 0x25,
	OP_SHRA = 0x26,
	OP_XOR = 0x27,
	OP_BRA = 0x28,
	OP_EQ = 0x29,
	OP_GE = 0x2a,
	OP_GT = 0x2b,
	OP_LE = 0x2c,
	OP_LT = 0x2d,
	OP_NE = 0x2e,
	OP_SKIP = 0x2f,
	OP_LIT0 = 0x30,
	OP_LIT31 = 0x4f,
	OP_REG0 = 0x50,
	OP_REG31 = 0x6f,
	OP_BREG0 = 0x70,
	OP_BREG31 = 0x8f,
	OP_REGX = 0x90,
	OP_BREGX = 0x92,
	OP_DEREF_SIZE = 0x94,
	OP_NOP = 0x96,
};

enum { STACK_MAX = 16, OPERATIONS_MAX = 512 };

struct evaluation {
	uint64_t stack[STACK_MAX];
	unsigned n;
	int error;
	uintptr_t start; /* of the operations */
	struct eh_cursor c;
	const struct unwind_regs *regs;
	struct unwind_memory *memory;
};

static void fail(struct evaluation *e, int error)
{
	if (!e->error)
		e->error = error;
}

static void push(struct evaluation *e, uint64_t value)
{
	if (e->n >= STACK_MAX)
		fail(e, EH_DAMAGED);
	else
		e->stack[e->n++] = value;
}

static uint64_t pop(struct evaluation *e)
{
	if (e->n == 0) {
		fail(e, EH_DAMAGED);
		return 0;
	}
	return e->stack[--e->n];
}

static void push_register(struct evaluation *e, uint64_t reg, int64_t offset)
{
	if (reg >= UNWIND_N_REGS || !(e->regs->valid & UNWIND_BIT(reg)))
		fail(e, EH_UNKNOWN);
	else
		push(e, e->regs->value[reg] + (uint64_t)offset);
}

static void push_earlier(struct evaluation *e, unsigned depth)
{
	if (depth >= e->n)
		fail(e, EH_DAMAGED);
	else
		push(e, e->stack[e->n - 1 - depth]);
}

static void dereference(struct evaluation *e, unsigned size)
{
	uint64_t address = pop(e), value = 0, shift = address & 7;

	/* words are read whole; what crosses two of them no call frame has */
	if (e->error)
		return;
	if (size == 0 || size > 8 || shift + size > 8)
		fail(e, EH_DAMAGED);
	else if (!unwind_memory_read(e->memory, address - shift, &value))
		fail(e, EH_UNREADABLE);
	value >>= 8 * shift;
	if (size < 8)
		value &= (1ull << 8 * size) - 1;
	push(e, value);
}

static void jump(struct evaluation *e, bool is_taken)
{
	int16_t distance = (int16_t)eh_take(&e->c, 2);
	uintptr_t there = e->c.at + (uintptr_t)(intptr_t)distance;

	if (!is_taken)
		return;
	if (there < e->start || there > e->c.end)
		fail(e, EH_DAMAGED);
	else
		e->c.at = there;
}

static void binary(struct evaluation *e, uint8_t op)
{
	uint64_t b = pop(e), a = pop(e);
	int64_t sa = (int64_t)a, sb = (int64_t)b;

	switch (op) {
	case OP_AND:
		push(e, a & b);
		break;
	case OP_DIV:
		if (sb == 0)
			fail(e, EH_DAMAGED);
		else
			push(e, sb == -1 ? 0 - a : (uint64_t)(sa / sb));
		break;
	case OP_MINUS:
		push(e, a - b);
		break;
	case OP_MOD:
		if (b == 0)
			fail(e, EH_DAMAGED);
		else
			push(e, a % b);
		break;
	case OP_MUL:
		push(e, a * b);
		break;
	case OP_OR:
		push(e, a | b);
		break;
	case OP_PLUS:
		push(e, a + b);
		break;
	case OP_SHL:
		push(e, b < 64 ? a << b : 0);
		break;
	case OP_SHR:
		push(e, b < 64 ? a >> b : 0);
		break;
	case OP_SHRA:
		push(e, (uint64_t)(sa >> MIN(b, 63u)));
		break;
	case OP_XOR:
		push(e, a ^ b);
		break;
	case OP_EQ:
		push(e, a == b);
		break;
	case OP_GE:
		push(e, sa >= sb);
		break;
	case OP_GT:
		push(e, sa > sb);
		break;
	case OP_LE:
		push(e, sa <= sb);
		break;
	case OP_LT:
		push(e, sa < sb);
		break;
	default:
		push(e, a != b);
		break;
	}
}

static void push_constant(struct evaluation *e, uint8_t op)
{
	struct eh_cursor *c = &e->c;

	switch (op) {
	case OP_CONST1U:
		push(e, eh_take_u8(c));
		break;
	case OP_CONST1S:
		push(e, (uint64_t)(int64_t)(int8_t)eh_take_u8(c));
		break;
	case OP_CONST2U:
		push(e, eh_take(c, 2));
		break;
	case OP_CONST2S:
		push(e, (uint64_t)(int64_t)(int16_t)eh_take(c, 2));
		break;
	case OP_CONST4U:
		push(e, eh_take(c, 4));
		break;
	case OP_CONST4S:
		push(e, (uint64_t)(int64_t)(int32_t)eh_take(c, 4));
		break;
	case OP_CONSTU:
		push(e, eh_take_uleb(c));
		break;
	case OP_CONSTS:
		push(e, (uint64_t)eh_take_sleb(c));
		break;
	default:
		push(e, eh_take(c, 8)); /* OP_ADDR, OP_CONST8U, OP_CONST8S */
		break;
	}
}

static void shuffle(struct evaluation *e, uint8_t op)
{
	uint64_t a, b, c;

	switch (op) {
	case OP_DUP:
		push_earlier(e, 0);
		break;
	case OP_DROP:
		pop(e);
		break;
	case OP_OVER:
		push_earlier(e, 1);
		break;
	case OP_PICK:
		push_earlier(e, eh_take_u8(&e->c));
		break;
	case OP_SWAP:
		a = pop(e);
		b = pop(e);
		push(e, a);
		push(e, b);
		break;
	default: /* OP_ROT: the top becomes the third */
		a = pop(e);
		b = pop(e);
		c = pop(e);
		push(e, a);
		push(e, c);
		push(e, b);
		break;
	}
}

static void unary(struct evaluation *e, uint8_t op)
{
	uint64_t a = pop(e);

	if (op == OP_ABS)
		push(e, (int64_t)a < 0 ? 0 - a : a);
	else if (op == OP_NEG)
		push(e, 0 - a);
	else if (op == OP_NOT)
		push(e, ~a);
	else
		push(e, a + eh_take_uleb(&e->c)); /* OP_PLUS_UCONST */
}

static void operate(struct evaluation *e, uint8_t op)
{
	if (op >= OP_LIT0 && op <= OP_LIT31)
		push(e, op - OP_LIT0);
	else if (op >= OP_REG0 && op <= OP_REG31)
		push_register(e, op - OP_REG0, 0);
	else if (op >= OP_BREG0 && op <= OP_BREG31)
		push_register(e, op - OP_BREG0, eh_take_sleb(&e->c));
	else if (op == OP_ADDR || (op >= OP_CONST1U && op <= OP_CONSTS))
		push_constant(e, op);
	else if (op >= OP_DUP && op <= OP_ROT)
		shuffle(e, op);
	else if (op == OP_ABS || op == OP_NEG || op == OP_NOT || op == OP_PLUS_UCONST)
		unary(e, op);
	else if ((op >= OP_AND && op <= OP_XOR) || (op >= OP_EQ && op <= OP_NE))
		binary(e, op);
	else if (op == OP_DEREF)
		dereference(e, 8);
	else if (op == OP_DEREF_SIZE)
		dereference(e, eh_take_u8(&e->c));
	else if (op == OP_SKIP)
		jump(e, true);
	else if (op == OP_BRA)
		jump(e, pop(e) != 0);
	else if (op == OP_REGX)
		push_register(e, eh_take_uleb(&e->c), 0);
	else if (op == OP_BREGX) {
		uint64_t reg = eh_take_uleb(&e->c);

		push_register(e, reg, eh_take_sleb(&e->c));
	} else if (op != OP_NOP)
		fail(e, EH_DAMAGED);
}

int eh_expression_run(const struct eh_tables *tables, uint32_t place,
		      const struct unwind_regs *regs, struct unwind_memory *memory,
		      const uint64_t *initial, uint64_t *ret)
{
	struct evaluation e;
	uint64_t size;

	if (place >= tables->end - tables->start)
		return EH_DAMAGED;
	e.n = 0;
	e.error = 0;
	e.regs = regs;
	e.memory = memory;
	e.c = (struct eh_cursor){tables->start + place, tables->end, false};
	size = eh_take_uleb(&e.c);
	if (e.c.bad || size > e.c.end - e.c.at)
		return EH_DAMAGED;
	e.start = e.c.at;
	e.c.end = e.c.at + size;
	if (initial)
		push(&e, *initial);
	for (unsigned left = OPERATIONS_MAX; e.c.at < e.c.end; left--) {
		if (left == 0)
			return EH_DAMAGED;
		operate(&e, eh_take_u8(&e.c));
		if (e.error)
			return e.error;
		if (e.c.bad)
			return EH_DAMAGED;
	}
	*ret = pop(&e);
	return e.error;
}

bool eh_is_fp_deref(const struct eh_tables *tables, int32_t place, bool is_word,
		    int32_t *ret_offset)
{
	struct eh_cursor c = {tables->start + (uint32_t)place, tables->end, false};
	uint64_t size = eh_take_uleb(&c);
	uintptr_t start = c.at;
	uint8_t op = eh_take_u8(&c);
	int64_t offset = eh_take_sleb(&c);

	if (is_word && eh_take_u8(&c) != OP_DEREF)
		return false;
	if (c.bad || op != OP_BREG0 + UNWIND_FP || c.at - start != size ||
	    offset != (int32_t)offset)
		return false;
	*ret_offset = (int32_t)offset;
	return true;
}
