/* SPDX-License-Identifier: MIT */
/*
 * eh-frame.h: from a pc to the rule that finds its caller, by the tables of exception handling.
 *
 * eh_frame_find looks one pc up and interprets its call frame program into a row: one rule for the
 * canonical frame address (CFA: the stack pointer before the call) and one a register. eh_row_apply
 * turns a row and the registers of a frame into the registers of its caller.
 *
 * Tables are not trusted: every read is checked against their bounds, every loop is counted, and memory
 * is reached only through struct unwind_memory.
 */
#ifndef AGENT_CORE_EH_FRAME_H
#define AGENT_CORE_EH_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/unwind-memory.h"
#include "agent/core/unwind-regs.h"
#include "base/macro.h"

/* The numbers are those of -ENOENT, -EFAULT, -ENODATA and -EBADMSG. */
enum eh_error {
	EH_NO_ENTRY = -2,    /* the tables say nothing about that pc */
	EH_UNREADABLE = -14, /* a word that the rule needs */
	EH_UNKNOWN = -61,    /* a register that the rule needs */
	EH_DAMAGED = -74,    /* or what no compiler emits */
};

/* Where a module's tables are. hdr is in [start, end), and all of it is readable. */
struct eh_tables {
	uintptr_t hdr;        /* .eh_frame_hdr */
	uintptr_t start, end; /* at most 4 GiB */
};

enum eh_kind {
	EH_SAME,           /* the caller's value is still in the register */
	EH_UNDEFINED,      /* it is lost; for the return address: there is no caller */
	EH_OFFSET,         /* saved at CFA + value */
	EH_VAL_OFFSET,     /* it is CFA + value */
	EH_REGISTER,       /* it is in register number value */
	EH_EXPRESSION,     /* saved where the expression at tables.start + value says */
	EH_VAL_EXPRESSION, /* it is what that expression says */
};

struct eh_row {
	int32_t value[UNWIND_N_REGS];
	uint8_t kind[UNWIND_N_REGS]; /* enum eh_kind */
	bool cfa_is_expression;
	uint8_t cfa_register;
	uint8_t ra;        /* column of the return address */
	bool is_signal;    /* the caller was interrupted: its pc is not a return address */
	int32_t cfa_value; /* offset from cfa_register, or place of the expression */
};

/*
 * The row that holds at pc: of a return address, the byte before it. 0 or one of the errors above; then ret means
 * nothing.
 */
int eh_frame_find(const struct eh_tables *tables, uintptr_t pc, struct eh_row *ret);

/* Returns 1 and leaves ret alone if the frame has no caller. ret may not be regs. */
int eh_row_apply(const struct eh_tables *tables, const struct eh_row *row,
		 struct unwind_memory *memory, const struct unwind_regs *regs,
		 struct unwind_regs *ret);

/*
 * Whether the expression at tables.start + place is no more than fp + offset, or the word there if
 * is_word says so: what compilers emit for functions that realign the stack.
 */
bool eh_is_fp_deref(const struct eh_tables *tables, int32_t place, bool is_word,
		    int32_t *ret_offset);

/* The address of .eh_frame as the header at hdr, of which [hdr, end) is readable, has it; 0 if it has not. */
uintptr_t eh_frame_address(uintptr_t hdr, uintptr_t end);

#endif
