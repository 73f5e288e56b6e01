/* SPDX-License-Identifier: MIT */
/*
 * recall.h: call stacks by comparison with the thread's last one.
 *
 * What a program allocates one after the other is mostly asked for by stacks that differ in a few inner
 * frames. So a thread keeps its last stack with the words that the unwinder read of it, and a new trace
 * unwinds only until it comes to a frame that was there before.
 *
 * Serves stacks that lie in one piece of memory which is known to be readable, and whose frames all
 * have short rules or are Java's. Others are for unwind_trace, which gives the same frames.
 */
#ifndef AGENT_CORE_RECALL_H
#define AGENT_CORE_RECALL_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/unwind.h"

struct recall;

/* A stack that was found. */
struct recall_stack {
	uint32_t note; /* what recall_set_note said of it; if there is one, nothing else is told */
	unsigned n_frames; /* at most max */
	uint64_t hash;     /* stack_hash of its frames */
	bool is_truncated; /* there were more */
};

/*
 * An empty one; NULL without memory. Inner frames in [skip_start, skip_end) are left out, and outer ones
 * beyond max.
 */
struct recall *recall_new(uintptr_t skip_start, uintptr_t skip_end, unsigned max);
struct recall *recall_free(struct recall *recall);

/* The stack that it remembers is gone: the thread is another one, or the process. */
void recall_forget(struct recall *recall);

/*
 * The number of the stack that ends in that frame of the program, or if caller does not tell it here, if it is
 * known without unwinding; 0 otherwise. stack is the thread's own, and the caller is on it.
 */
uint32_t recall_note(struct recall *recall, const struct unwind_stack *stack,
		     const struct unwind_caller *caller);

/*
 * Finds the caller's stack as unwind_trace does. It begins at that frame of the program, if one is
 * given. stack is the thread's own, and the caller is on it. False if it has to be left to
 * unwind_trace. If wants_note, the note is enough where there is one. Not reentrant, but may be
 * abandoned by a longjmp.
 */
bool recall_trace(struct recall *recall, const struct unwind_stack *stack,
		  const struct unwind_caller *caller, bool wants_note, struct recall_stack *ret);

/* The frames of the stack that was found last, by more than its note, innermost first. */
void recall_copy(const struct recall *recall, uint64_t *ret_frames, unsigned n_frames);

/* The caller's number for that stack, which is not 0. It is told again when the stack comes again. */
void recall_set_note(struct recall *recall, uint32_t note);

uint64_t recall_own_bytes(void);

#endif
