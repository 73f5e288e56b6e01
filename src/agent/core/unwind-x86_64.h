/* SPDX-License-Identifier: MIT */
/*
 * unwind-x86_64.h: the registers of x86-64 as the unwinder sees them. Numbers are those of DWARF in the
 * psABI; column 16 is the return address, and holds the frame's pc.
 */
#ifndef AGENT_CORE_UNWIND_X86_64_H
#define AGENT_CORE_UNWIND_X86_64_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macro.h"

enum {
	UNWIND_N_REGS = 17,
	UNWIND_FP = 6,
	UNWIND_SP = 7,
	UNWIND_PC = 16,
};

struct unwind_regs {
	uint64_t value[UNWIND_N_REGS];
	uint64_t valid; /* one bit a register */
};

#define UNWIND_BIT(reg) (1ull << (reg))
#define UNWIND_ALL      (UNWIND_BIT(UNWIND_N_REGS) - 1)

/* rbx, rbp, rsp, r12 to r15 and the pc: what a function may not change for its caller */
#define UNWIND_CALLEE_SAVED                                                               \
	(UNWIND_BIT(3) | UNWIND_BIT(UNWIND_FP) | UNWIND_BIT(UNWIND_SP) | UNWIND_BIT(12) | \
	 UNWIND_BIT(13) | UNWIND_BIT(14) | UNWIND_BIT(15) | UNWIND_BIT(UNWIND_PC))

/* Where short rules have the return address: the call instruction pushed it. saved: where fp is saved. */
static _always_inline_ uint64_t unwind_ra_place(uint64_t cfa, uint64_t saved)
{
	(void)saved;
	return cfa - 8;
}

/* Whether that is where a row has it; both offsets are from the CFA, fp is 0 if it was not saved. */
static inline bool unwind_is_usual_ra(int32_t ra, int32_t fp)
{
	(void)fp;
	return ra == -8;
}

/* The pc in a return address as it is stored. */
static _always_inline_ uint64_t unwind_strip(uint64_t ra)
{
	return ra;
}

/*
 * Reads the registers at one instruction of the function that this is inlined into; the tables for that
 * pc lead to its caller.
 */
static _always_inline_ void unwind_capture(struct unwind_regs *ret)
{
	__asm__ volatile("movq %%rbx, 24(%0)\n\t"
			 "movq %%rbp, 48(%0)\n\t"
			 "movq %%rsp, 56(%0)\n\t"
			 "movq %%r12, 96(%0)\n\t"
			 "movq %%r13, 104(%0)\n\t"
			 "movq %%r14, 112(%0)\n\t"
			 "movq %%r15, 120(%0)\n\t"
			 "leaq 0f(%%rip), %%rax\n"
			 "0:\n\t"
			 "movq %%rax, 128(%0)\n\t"
			 :
			 : "r"(ret->value)
			 : "rax", "memory");
	ret->valid = UNWIND_CALLEE_SAVED;
}

/* The same, of the three that short rules need. */
static _always_inline_ void unwind_capture_short(uint64_t *ret_sp, uint64_t *ret_fp,
						 uint64_t *ret_pc)
{
	uint64_t sp, fp, pc;

	/* rbp first: it may be one of the outputs where the function has saved it */
	__asm__ volatile("movq %%rbp, %1\n\t"
			 "movq %%rsp, %0\n\t"
			 "leaq 0f(%%rip), %2\n"
			 "0:\n\t"
			 : "=&r"(sp), "=&r"(fp), "=&r"(pc)
			 :
			 : "memory");
	*ret_sp = sp;
	*ret_fp = fp;
	*ret_pc = pc;
}

/* mov $__NR_rt_sigreturn, %rax; syscall: what a signal handler returns to */
enum { UNWIND_SIGRETURN_SIZE = 9 };
enum { UNWIND_LEAVE_SIZE = 5 };

/*
 * Whether the code gives back its stack and returns at once ("add $8, %rsp; ret"): by how much the caller's stack
 * pointer is above this one, else 0. Trampolines that runtimes make do no more behind their call: CPython's of
 * -X perf.
 */
static inline int32_t unwind_leaves(const uint8_t *code)
{
	const bool is_add = code[0] == 0x48 && code[1] == 0x83 && code[2] == 0xc4;

	return is_add && code[3] > 0 && code[3] < 0x80 && code[3] % 8 == 0 && code[4] == 0xc3
		       ? code[3] + 8
		       : 0;
}

static inline bool unwind_is_sigreturn(const uint8_t *code)
{
	static const uint8_t trampoline[UNWIND_SIGRETURN_SIZE] = {0x48, 0xc7, 0xc0, 0x0f, 0x00,
								  0x00, 0x00, 0x0f, 0x05};

	for (unsigned i = 0; i < UNWIND_SIGRETURN_SIZE; i++)
		if (code[i] != trampoline[i])
			return false;
	return true;
}

/*
 * In the trampoline the stack pointer points at a struct ucontext: 40 bytes of flags, link and
 * alternate stack, then the registers in the order of the kernel's struct sigcontext.
 */
enum { UNWIND_SIGFRAME_REGS = 40, UNWIND_SIGFRAME_N = 17 };
static inline unsigned unwind_sigframe_register(unsigned position)
{
	static const uint8_t order[UNWIND_SIGFRAME_N] = {8, 9, 10, 11, 12, 13, 14, 15, 5,
							 4, 6, 3,  1,  0,  2,  7,  16};

	return order[position];
}

#endif
