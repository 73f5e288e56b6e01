/* SPDX-License-Identifier: MIT */
/*
 * recall.h: call stacks by comparison with the thread's last one.
 *
 * What a program allocates one after the other is mostly asked for by stacks that differ in a few inner
 * frames. So a thread keeps its last stack with the words that the unwinder read of it, and a new trace
 * unwinds only until it comes to a frame that was there before.
 *
 * Serves stacks that lie in one piece of memory which is known to be readable, and whose frames all
 * have short rules. Others are for unwind_trace, which gives the same frames.
 */
#ifndef AGENT_CORE_RECALL_H
#define AGENT_CORE_RECALL_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/unwind.h"

struct recall;

/* A stack that was found. */
struct recall_stack {
	uint64_t hash;     /* stack_hash of its frames */
	unsigned n_frames; /* at most the max that was asked for */
	bool is_truncated; /* there were more */
	bool is_same;      /* as the one before it, which recall_site is about */
};

/* An empty one; NULL without memory. It is never given back. */
struct recall *recall_new(void);

/* The stack that it remembers is gone: the thread is another one, or the process. */
void recall_forget(struct recall *recall);

/*
 * Finds the caller's stack as unwind_trace does. stack is the thread's own, and the caller is on it.
 * False if it has to be left to unwind_trace. Not reentrant, but may be abandoned by a longjmp.
 */
bool recall_trace(struct recall *recall, const struct unwind_stack *stack, uintptr_t skip_start,
		  uintptr_t skip_end, unsigned max, struct recall_stack *ret);

/* The frames of the stack that was found last, innermost first. */
void recall_copy(const struct recall *recall, uint64_t *ret_frames, unsigned n_frames);

/* A number of the caller's that goes with the stack found last; 0 until it is stored. */
uint32_t *recall_note(struct recall *recall);

uint64_t recall_own_bytes(void);

#endif
