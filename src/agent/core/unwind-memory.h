/* SPDX-License-Identifier: MIT */
/*
 * unwind-memory.h: the words of a stack, read without ever touching what is not there.
 *
 * There is one window of addresses that are known to be readable: the rest of the stack that the walk
 * is on. Words in it cost two comparisons. Words outside are asked of the kernel, first: those just
 * above the window of a stack whose end is not known widen it, others leave it as it is.
 */
#ifndef AGENT_CORE_UNWIND_MEMORY_H
#define AGENT_CORE_UNWIND_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/unwind.h"
#include "base/macro.h"

struct unwind_memory {
	uintptr_t low, high;        /* the window */
	struct unwind_stack *stack; /* NULL: nothing outside of the window is read */
	uint32_t questions_left;    /* for the kernel, so that a walk ends */
};

void unwind_memory_init(struct unwind_memory *memory, struct unwind_stack *stack);

/* Puts the window on the stack that sp is in. False if that is not readable. */
bool unwind_memory_enter(struct unwind_memory *memory, uintptr_t sp);

/* Stores what was learnt of a stack with an unknown end for the next walk. */
void unwind_memory_keep(const struct unwind_memory *memory);

/* Slow path: whether [address, address + size) is readable. */
bool unwind_memory_reach(struct unwind_memory *memory, uintptr_t address, uintptr_t size);

static _always_inline_ bool unwind_memory_has(const struct unwind_memory *memory, uintptr_t address)
{
	return address >= memory->low && address < memory->high && memory->high - address >= 8;
}

/* Reads the word at address, which is a multiple of 8. */
__attribute__((no_sanitize_address)) static inline bool
unwind_memory_read(struct unwind_memory *memory, uintptr_t address, uint64_t *ret)
{
	if (unlikely((address & 7) || address == 0))
		return false;
	if (unlikely(!unwind_memory_has(memory, address)) &&
	    !unwind_memory_reach(memory, address, 8))
		return false;
	*ret = *(const volatile uint64_t *)address;
	return true;
}

#endif
