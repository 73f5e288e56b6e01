/* SPDX-License-Identifier: MIT */
/*
 * visit.h: a hook begins with visit_enter and ends with visit_leave; what is between may use the core.
 *
 * Each thread has a struct inject_thread, found by its thread pointer and written by it alone, so that a
 * visit costs two additions and no bus lock. The tool sums "inside" over all of them to learn whether
 * the core's state is in use.
 */
#ifndef AGENT_INJECT_VISIT_H
#define AGENT_INJECT_VISIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"
#include "region/inject-abi.h"

extern _hidden_ struct inject_control control;
extern _hidden_ struct inject_thread visit_threads[INJECT_N_THREADS];

/* The calling thread's, or one that it shares with others if there is no room. */
struct inject_thread *visit_find(uintptr_t tp);

/*
 * NULL if nothing is to be recorded: recording is off, or an original function called this one. The
 * caller then calls the original and nothing else.
 */
struct inject_thread *visit_enter(void);
void visit_leave(struct inject_thread *thread);

/* Around calls of original functions: what these call is theirs. */
static _always_inline_ void visit_begin_call(struct inject_thread *thread)
{
	thread->calling++;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static _always_inline_ void visit_end_call(struct inject_thread *thread)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	thread->calling--;
}

/* An allocation of that size succeeded. */
void visit_observe_slow(struct inject_thread *thread, void *block, size_t size);

static _always_inline_ void visit_observe(struct inject_thread *thread, void *block, size_t size)
{
	/* what was granted is below PTRDIFF_MAX, so that the difference does not overflow */
	if (likely(block) && unlikely((thread->countdown -= (int64_t)MAX(size, 1u)) < 0))
		visit_observe_slow(thread, block, size);
}

#endif
