/* SPDX-License-Identifier: MIT */
/* eh-program.h: the call frame instructions of one function, run up to a pc. */
#ifndef AGENT_CORE_EH_PROGRAM_H
#define AGENT_CORE_EH_PROGRAM_H

#include "agent/core/eh-cursor.h"
#include "agent/core/eh-frame.h"

/* An FDE with what its CIE says. */
struct eh_function {
	uintptr_t start, end; /* pcs */
	uint64_t code_align;
	int64_t data_align;
	struct eh_cursor initial; /* the CIE's instructions */
	struct eh_cursor program; /* the FDE's */
	uint8_t encoding;         /* of pointers */
	uint8_t ra;
	bool is_signal, has_size;
};

/* Returns 0 or EH_DAMAGED. */
int eh_program_run(const struct eh_tables *tables, const struct eh_function *function, uintptr_t pc,
		   struct eh_row *ret);

/*
 * Evaluates the expression of a length and operations at tables->start + place. initial, if not NULL, is
 * pushed first. Returns 0 and the top of the stack, or EH_DAMAGED, EH_UNREADABLE, EH_UNKNOWN.
 */
int eh_expression_run(const struct eh_tables *tables, uint32_t place,
		      const struct unwind_regs *regs, struct unwind_memory *memory,
		      const uint64_t *initial, uint64_t *ret);

#endif
