/* SPDX-License-Identifier: MIT */
/*
 * unwind.h: the call stack of the running thread, from inside it.
 *
 * Rules (where is the caller's frame, where did it save RBP and the return address) come from
 * .eh_frame, interpreted once for each pc and kept in a lock-free table; a warm trace is a walk over
 * that table and the stack: no lock, no malloc, no system call, no loader call. What the short form of
 * a rule cannot say (expressions, signal frames, CFA in another register) is interpreted in place with
 * all callee-saved registers. Code without tables is followed along frame pointers.
 *
 * No word outside readable memory is touched: the walk stays between the stack pointer and the end of
 * the stack where that is known, and asks the kernel once a page where it is not.
 */
#ifndef AGENT_CORE_UNWIND_H
#define AGENT_CORE_UNWIND_H

#include <stdbool.h>
#include <stdint.h>

/* What is known to be readable about a stack; kept by the thread between traces. */
struct unwind_stack {
	uintptr_t start,
		end; /* the thread's own stack: [sp, end) is readable for any sp in it; 0 if unknown */
	uintptr_t probed_start,
		probed_end; /* last pages on another stack that were found readable */
};

/* A frame of the program as it will be when the function that it called has returned. */
struct unwind_caller {
	uint64_t sp, fp;
	uint64_t pc;    /* the return address; 0 if nothing is known */
	bool is_looked; /* recall_note was asked */
};

/*
 * Writes up to max frames, innermost first, as pc | module index << 48 (region/abi.h), to ret_frames,
 * from caller's on, or from here if that is NULL or not known, leaving out the inner ones whose pc is in [skip_start, skip_end), the agent's own text. For callers
 * further out the pc is the return address; readers look up pc - 1 for all but frames interrupted by a
 * signal, whose pc the walk increments by one so that one rule serves all. Adds enum mt_stack_flags to
 * *flags. Returns the number of frames, 0 if not even the caller was found. Reentrant: a signal
 * handler may unwind while the thread it interrupted does.
 */
unsigned unwind_trace(struct unwind_stack *stack, const struct unwind_caller *caller,
		      uintptr_t skip_start, uintptr_t skip_end, uint64_t *ret_frames, unsigned max,
		      unsigned *flags);

/* Bytes of private memory that the rule tables hold. */
uint64_t unwind_own_bytes(void);

#endif
