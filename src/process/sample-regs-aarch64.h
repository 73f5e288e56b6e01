/* SPDX-License-Identifier: MIT */
/*
 * sample-regs-aarch64.h: see sample-regs.h. Bits 0 to 30 are X0 to X30, 31 SP, 32 PC, and libunwind numbers
 * them alike.
 */
#ifndef PROCESS_SAMPLE_REGS_AARCH64_H
#define PROCESS_SAMPLE_REGS_AARCH64_H

enum { SAMPLE_REGS = 33, SAMPLE_REGS_SP = 31, SAMPLE_REGS_PC = 32 };
#define SAMPLE_REGS_MASK 0x1ffffffffull

static inline int sample_regs_place(int unwind_register)
{
	return unwind_register >= 0 && unwind_register < SAMPLE_REGS ? unwind_register : -1;
}

#endif
