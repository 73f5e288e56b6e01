/* SPDX-License-Identifier: MIT */
/*
 * unwind-memory.c: what of a stack may be read.
 *
 * Context: any thread, signal handlers, small stacks.
 *
 * On the thread's own stack everything from the stack pointer to its end is readable, for certain and
 * without asking. A coroutine's or a signal handler's stack has no known end. There the walk asks for
 * the page of the stack pointer, then for the pages above as it needs them. The range is kept for the
 * next walk, but only as a guess at what to ask for in one question: the stack may be gone by then, or
 * be a shorter one at the same address.
 */
#include "agent/core/unwind-memory.h"

#include "agent/core/sys.h"

enum { PAGE = 4096, CHUNK = 16 * PAGE, QUESTIONS = 192 };

void unwind_memory_init(struct unwind_memory *memory, struct unwind_stack *stack)
{
	memory->low = 0;
	memory->high = 0;
	memory->stack = stack;
	memory->questions_left = QUESTIONS;
}

static bool ask(struct unwind_memory *memory, uintptr_t start, uintptr_t size)
{
	if (!memory->stack || memory->questions_left == 0)
		return false;
	memory->questions_left--;
	return sys_is_readable(start, size);
}

bool unwind_memory_enter(struct unwind_memory *memory, uintptr_t sp)
{
	struct unwind_stack *stack = memory->stack;
	uintptr_t page = ALIGN_DOWN(sp, (uintptr_t)PAGE);

	if (!stack)
		return sp >= memory->low && sp < memory->high;
	if (sp >= stack->start && sp < stack->end) {
		/* the first time it is where the thread runs; later, only where a frame claims it was */
		bool is_first = memory->high == 0;

		if (!is_first && !ask(memory, page, PAGE))
			return false;
		memory->low = sp;
		memory->high = stack->end;
		return true;
	}

	uintptr_t start = stack->probed_start, end = stack->probed_end;

	if (sp >= start && sp < end && ask(memory, page, end - page)) {
		memory->low = sp;
		memory->high = end;
		return true;
	}
	if (!ask(memory, page, PAGE))
		return false;
	memory->low = sp;
	memory->high = page + PAGE;
	return true;
}

void unwind_memory_keep(const struct unwind_memory *memory)
{
	struct unwind_stack *stack = memory->stack;

	if (!stack || memory->high == stack->end || memory->high == 0)
		return;
	stack->probed_start = ALIGN_DOWN(memory->low, (uintptr_t)PAGE);
	stack->probed_end = memory->high;
}

/* Widens the window of a stack with an unknown end so that it holds [address, address + size). */
static bool widen(struct unwind_memory *memory, uintptr_t address, uintptr_t size)
{
	while (memory->high - address < size) {
		if (ask(memory, memory->high, CHUNK))
			memory->high += CHUNK;
		else if (ask(memory, memory->high, PAGE))
			memory->high += PAGE;
		else
			return false;
	}
	return true;
}

bool unwind_memory_reach(struct unwind_memory *memory, uintptr_t address, uintptr_t size)
{
	uintptr_t end;

	if (__builtin_add_overflow(address, size, &end))
		return false;
	if (address >= memory->low && end <= memory->high)
		return true;
	if (!memory->stack)
		return false;
	if (memory->high != memory->stack->end && address >= memory->low &&
	    address < memory->high + CHUNK) {
		/* a word that starts above the window: fill the gap first */
		if (address > memory->high && !widen(memory, memory->high, address - memory->high))
			return false;
		return widen(memory, address, size);
	}

	uintptr_t page = ALIGN_DOWN(address, (uintptr_t)PAGE);

	return ask(memory, page, ALIGN_UP(end, (uintptr_t)PAGE) - page);
}
