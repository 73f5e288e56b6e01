/* SPDX-License-Identifier: MIT */
/*
 * unwind-aarch64.h: the registers of aarch64 as the unwinder sees them. Numbers are those of DWARF in the
 * AAPCS64: 0 to 30 are x0 to x30, 31 is sp. The return address column is x30; 32, which DWARF leaves
 * free, holds the frame's pc.
 */
#ifndef AGENT_CORE_UNWIND_AARCH64_H
#define AGENT_CORE_UNWIND_AARCH64_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macro.h"

enum {
	UNWIND_N_REGS = 33,
	UNWIND_FP = 29,
	UNWIND_LR = 30,
	UNWIND_SP = 31,
	UNWIND_PC = 32,
};

struct unwind_regs {
	uint64_t value[UNWIND_N_REGS];
	uint64_t valid; /* one bit a register */
};

#define UNWIND_BIT(reg) (1ull << (reg))
#define UNWIND_ALL      (UNWIND_BIT(UNWIND_N_REGS) - 1)

/* x19 to x28, fp, lr, sp and the pc */
#define UNWIND_CALLEE_SAVED                                                                       \
	(0x3ffull << 19 | UNWIND_BIT(UNWIND_FP) | UNWIND_BIT(UNWIND_LR) | UNWIND_BIT(UNWIND_SP) | \
	 UNWIND_BIT(UNWIND_PC))

/* Short rules are for functions that stored a frame record: fp, and behind it the return address. */
static _always_inline_ uint64_t unwind_ra_place(uint64_t cfa, uint64_t saved)
{
	(void)cfa;
	return saved + 8;
}

static inline bool unwind_is_usual_ra(int32_t ra, int32_t fp)
{
	return fp != 0 && ra == fp + 8;
}

/* Return addresses may be signed in the bits that addresses do not use. */
static _always_inline_ uint64_t unwind_strip(uint64_t ra)
{
	return ra & 0xffffffffffffull;
}

/*
 * Reads the registers at one instruction of the function that this is inlined into; the tables for that
 * pc lead to its caller.
 */
static _always_inline_ void unwind_capture(struct unwind_regs *ret)
{
	__asm__ volatile("stp x19, x20, [%0, #152]\n\t"
			 "stp x21, x22, [%0, #168]\n\t"
			 "stp x23, x24, [%0, #184]\n\t"
			 "stp x25, x26, [%0, #200]\n\t"
			 "stp x27, x28, [%0, #216]\n\t"
			 "stp x29, x30, [%0, #232]\n\t"
			 "mov x9, sp\n\t"
			 "adr x10, 0f\n"
			 "0:\n\t"
			 "stp x9, x10, [%0, #248]\n\t"
			 :
			 : "r"(ret->value)
			 : "x9", "x10", "memory");
	ret->valid = UNWIND_CALLEE_SAVED;
}

/* The same, of the three that short rules need. */
static _always_inline_ void unwind_capture_short(uint64_t *ret_sp, uint64_t *ret_fp,
						 uint64_t *ret_pc)
{
	uint64_t sp, fp, pc;

	/* x29 first: it may be one of the outputs where the function has saved it */
	__asm__ volatile("mov %1, x29\n\t"
			 "mov %0, sp\n\t"
			 "adr %2, 0f\n"
			 "0:\n\t"
			 : "=&r"(sp), "=&r"(fp), "=&r"(pc)
			 :
			 : "memory");
	*ret_sp = sp;
	*ret_fp = fp;
	*ret_pc = pc;
}

/* mov x8, #139 (rt_sigreturn); svc #0: what a signal handler returns to */
enum { UNWIND_SIGRETURN_SIZE = 8 };
enum { UNWIND_LEAVE_SIZE = 4 };

/* x86's; here trampolines have frame pointers. */
static inline int32_t unwind_leaves(const uint8_t *code)
{
	(void)code;
	return 0;
}

static inline bool unwind_is_sigreturn(const uint8_t *code)
{
	static const uint8_t trampoline[UNWIND_SIGRETURN_SIZE] = {0x68, 0x11, 0x80, 0xd2,
								  0x01, 0x00, 0x00, 0xd4};

	for (unsigned i = 0; i < UNWIND_SIGRETURN_SIZE; i++)
		if (code[i] != trampoline[i])
			return false;
	return true;
}

/*
 * In the trampoline sp points at a siginfo of 128 bytes and the ucontext behind it, whose registers begin
 * after 176 bytes of flags, link, alternate stack and mask, and the fault address: x0 to x30, sp, pc.
 */
enum { UNWIND_SIGFRAME_REGS = 128 + 176 + 8, UNWIND_SIGFRAME_N = 33 };
static inline unsigned unwind_sigframe_register(unsigned position)
{
	return position;
}

#endif
