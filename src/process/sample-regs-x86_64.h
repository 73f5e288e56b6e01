/* SPDX-License-Identifier: MIT */
/*
 * sample-regs-x86_64.h: see sample-regs.h. Bits 0 to 8 are AX BX CX DX SI DI BP SP IP, 16 to 23 R8 to R15.
 */
#ifndef PROCESS_SAMPLE_REGS_X86_64_H
#define PROCESS_SAMPLE_REGS_X86_64_H

#include <stddef.h>

enum { SAMPLE_REGS = 17, SAMPLE_REGS_SP = 7, SAMPLE_REGS_PC = 8 };
#define SAMPLE_REGS_MASK 0xff01ffull

static inline int sample_regs_place(int unwind_register)
{
	/* libunwind's order is that of DWARF: AX DX CX BX SI DI BP SP R8 to R15, IP */
	static const signed char places[] = {0,  3,  2,  1,  4,  5,  6,  7, 9,
					     10, 11, 12, 13, 14, 15, 16, 8};

	if (unwind_register < 0 || (size_t)unwind_register >= sizeof(places))
		return -1;
	return places[unwind_register];
}

#endif
