/* SPDX-License-Identifier: MIT */
/*
 * thread-stack.c: which part of memory is the stack that the caller runs on.
 *
 * The unwinder reads words of the stack without asking the kernel when they are between the stack
 * pointer and an end that is known to be of one piece with it. For a thread of glibc the end is its
 * control block, which stands at the upper end of its stack; for the main thread it is what the kernel
 * told the program when it began. Neither is believed: one madvise finds out that all of [sp, end) can
 * be read, and the answer is kept, and extended downwards when a later call runs deeper. A coroutine's or
 * signal handler's stack fails that test, or is elsewhere: it is left to the unwinder, which asks page by
 * page.
 *
 * Context: any thread, inside malloc, signal handlers. No locks.
 */
#include "agent/core/sys.h"
#include "agent/core/thread.h"
#include "agent/core/writer.h"

enum {
	THREAD_STACK_ROOM = 1024, /* what the calls below may use */
};

/* How far below the end of its stack a thread is believed without, and with, asking the kernel. */
static const uintptr_t thread_stack_trusted = 1 << 20, thread_stack_probed = 64 << 20;

static uintptr_t thread_stack_main_end;

void thread_stack_init(uintptr_t main_stack_end)
{
	thread_stack_main_end = main_stack_end;
}

/* Lowers what is known of the stack to sp's page, if the kernel says that it is one piece. */
static _noinline_ bool thread_stack_extend(struct unwind_stack *stack, uintptr_t sp, uintptr_t end)
{
	uintptr_t page = ALIGN_DOWN(sp - THREAD_STACK_ROOM, (uintptr_t)sys_page_size());
	uintptr_t upper = stack->end == end && stack->start ? stack->start : end;

	if (sp >= end || end - sp > thread_stack_probed)
		return false;
	if (!sys_can_probe()) {
		if (end - sp > thread_stack_trusted)
			return false;
	} else if (!sys_is_readable(page, upper - page)) {
		page = ALIGN_DOWN(sp, (uintptr_t)sys_page_size());
		if (!sys_is_readable(page, upper - page))
			return false;
	}
	stack->start = page;
	stack->end = end;
	return true;
}

struct unwind_stack *thread_stack_get(struct thread *thread, struct unwind_stack *scratch)
{
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0), end;
	bool known = sp >= thread->stack.start && sp < thread->stack.end;

	if (thread->depth > 1) {
		/* a handler, perhaps on a stack of its own: nothing is remembered */
		*scratch = known ? thread->stack : (struct unwind_stack){0};
		return scratch;
	}
	if (likely(known))
		return &thread->stack;
	end = thread->tp;
	if (thread_stack_main_end && sp < thread_stack_main_end &&
	    thread_stack_main_end - sp < thread_stack_probed &&
	    (uint32_t)thread->tid == writer.header->pid)
		end = thread_stack_main_end;
	return thread_stack_extend(&thread->stack, sp, end) ? &thread->stack : &thread->other;
}
