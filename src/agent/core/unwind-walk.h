/* SPDX-License-Identifier: MIT */
/*
 * unwind-walk.h: a walk over a stack, private to the files that take its steps: unwind.c, and
 * unwind-hotspot.c for the frames of Java.
 */
#ifndef AGENT_CORE_UNWIND_WALK_H
#define AGENT_CORE_UNWIND_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/unwind-memory.h"
#include "agent/core/unwind-regs.h"
#include "base/macro.h"
#include "region/abi.h"

enum { WALK_SWITCHES_MAX = 16, WALK_SKIPPED_MAX = 64, WALK_PC_MIN = 4096 };

enum outcome {
	WALK_ON,
	WALK_END,       /* the outermost frame */
	WALK_TRUNCATED, /* cannot go on */
	WALK_RESTART,   /* cannot go on in the fast gear */
};

struct walk {
	struct unwind_regs regs;
	struct unwind_memory memory;
	uint64_t epoch;
	uint64_t key; /* as in frames: one more than the pc to look up */
	uint64_t *frames;
	uintptr_t skip_start, skip_size;
	unsigned n, max, skipped, switches;
	unsigned flags;
	bool is_full;
};

/* Writes the frame. False if there is no room. */
static inline bool walk_put_frame(struct walk *w, uint32_t module)
{
	if (w->n == 0 && w->key - 1 - w->skip_start < w->skip_size)
		return ++w->skipped < WALK_SKIPPED_MAX;
	if (w->n == w->max)
		return false;
	w->frames[w->n++] = w->key | (uint64_t)module << 48;
	return true;
}

/* The registers of the caller are in w->regs; is_table: tables and no guess led there. */
static inline enum outcome walk_enter_caller(struct walk *w, uint64_t old_sp, bool is_table,
					     bool is_signal)
{
	uint64_t sp = w->regs.value[UNWIND_SP], pc = w->regs.value[UNWIND_PC];

	if (sp <= old_sp && (!is_table || w->switches++ >= WALK_SWITCHES_MAX))
		return WALK_TRUNCATED;
	if ((sp < w->memory.low || sp > w->memory.high) &&
	    (!is_table || !unwind_memory_enter(&w->memory, sp)))
		return WALK_TRUNCATED;
	if (is_signal) {
		w->flags |= MT_STACK_SIGNAL;
		w->key = pc + 1;
		return pc ? WALK_ON : WALK_TRUNCATED;
	}
	w->key = unwind_strip(pc);
	return w->key ? WALK_ON : WALK_END;
}

/* Takes a step from a pc in the code of a Java machine. */
_hidden_ enum outcome walk_hotspot(struct walk *w);

#endif
