/* SPDX-License-Identifier: MIT */
/* eh-instruction.h: one call frame instruction, taken from where it stands: what it does, and with what. */
#ifndef AGENT_CORE_EH_INSTRUCTION_H
#define AGENT_CORE_EH_INSTRUCTION_H

#include "agent/core/eh-program.h"

enum eh_effect {
	EH_EFFECT_NONE,
	EH_EFFECT_ADVANCE, /* by value */
	EH_EFFECT_SET_LOC, /* to value */
	EH_EFFECT_REMEMBER,
	EH_EFFECT_RESTORE_STATE,
	EH_EFFECT_RESTORE, /* reg */
	EH_EFFECT_RULE,    /* reg: kind, value */
	EH_EFFECT_CFA,     /* reg, value */
	EH_EFFECT_CFA_REGISTER,
	EH_EFFECT_CFA_OFFSET,
	EH_EFFECT_CFA_EXPRESSION,
};

/* One instruction, decoded. */
struct eh_instruction {
	enum eh_effect effect;
	enum eh_kind kind;
	uint64_t reg;
	int64_t value;
};

/* More than the largest function of any program has, and soon over if the table is damaged. */
enum { EH_INSTRUCTIONS_MAX = 1 << 18 };

struct eh_reader {
	const struct eh_tables *tables;
	const struct eh_function *function;
	uint32_t left; /* instructions that may be taken */
};

/* The next one. False if there is none that we know, it goes beyond the cursor's end, or none are left. */
bool eh_instruction_take(struct eh_reader *reader, struct eh_cursor *c, struct eh_instruction *ret);

#endif
