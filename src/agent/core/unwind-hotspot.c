/* SPDX-License-Identifier: MIT */
/*
 * unwind-hotspot.c: steps from one Java frame to the next.
 *
 * Compiled code and its stubs have frames of a known size, with the return address and the caller's frame
 * pointer at the upper end. Interpreted frames are a chain by frame pointer. Calls between the two pass
 * through adapters that move the stack pointer, which an interpreted frame notes. Where C++ calls Java, a
 * stub with a frame pointer stands between, so that walks go on through C++ as they came.
 *
 * Context: as unwind.c. Only words of the stack are read here, and hotspot.h is asked; a step that leads
 * to no code, or not further out on the stack, is not believed. Then the frames up to the next C++ are
 * left out, and the stack is marked.
 */
#include "agent/core/hotspot.h"
#include "agent/core/unwind-epoch.h"
#include "agent/core/unwind-walk.h"

enum { JAVA_WORDS_MAX = 1 << 15 };

/* Leaves a frame of which cfa is known: below it are the return address and the caller's fp. */
static enum outcome step_to(struct walk *w, uint64_t cfa)
{
	uint64_t sp = w->regs.value[UNWIND_SP];

	if (!unwind_memory_read(&w->memory, cfa - 16, &w->regs.value[UNWIND_FP]) ||
	    !unwind_memory_read(&w->memory, cfa - 8, &w->regs.value[UNWIND_PC]))
		return WALK_TRUNCATED;
	w->regs.value[UNWIND_SP] = cfa;
	w->regs.valid = UNWIND_BIT(UNWIND_SP) | UNWIND_BIT(UNWIND_FP) | UNWIND_BIT(UNWIND_PC);
	return walk_enter_caller(w, sp, false, false);
}

/*
 * An interpreted frame is recorded as the instruction of the method that it executes, or the method if
 * that is native, instead of a pc in the interpreter. Its caller's sp is not where the frame ends: the
 * caller's operands are part of both frames.
 */
static enum outcome step_interpreted(struct walk *w)
{
	uint64_t fp = w->regs.value[UNWIND_FP], sp = w->regs.value[UNWIND_SP];
	uint64_t sender, place;

	if (!(w->regs.valid & UNWIND_BIT(UNWIND_FP)) || fp < sp ||
	    !unwind_memory_read(&w->memory, fp + (uint64_t)(int64_t)HOTSPOT_SENDER_SP, &sender) ||
	    !unwind_memory_read(&w->memory, fp + (uint64_t)(int64_t)HOTSPOT_BYTECODE, &place) ||
	    sender < fp + 16)
		return WALK_TRUNCATED;
	if (!place &&
	    !unwind_memory_read(&w->memory, fp + (uint64_t)(int64_t)HOTSPOT_METHOD, &place))
		return WALK_TRUNCATED;
	if (place > WALK_PC_MIN && place < MT_FRAME_PC_MASK) {
		/* readers look up one less, as for return addresses */
		w->key = place + 1;
		if (!walk_put_frame(w, MT_MODULE_NONE))
			return WALK_TRUNCATED;
	}
	if (step_to(w, fp + 16) == WALK_TRUNCATED)
		return WALK_TRUNCATED;
	w->regs.value[UNWIND_SP] = sender;
	return sender <= w->memory.high ? WALK_ON : WALK_TRUNCATED;
}

/* A frame of a Java machine. */
static enum outcome step_hotspot(struct walk *w)
{
	const struct hotspot_frame frame = hotspot_find(w->key - 1);

	switch (frame.kind) {
	case HOTSPOT_INTERPRETED:
		return step_interpreted(w);
	case HOTSPOT_COMPILED:
		if (!walk_put_frame(w, MT_MODULE_NONE))
			return WALK_TRUNCATED;
		return step_to(w, w->regs.value[UNWIND_SP] + frame.size);
	case HOTSPOT_ENTRY:
	case HOTSPOT_STUB:
		if (!walk_put_frame(w, MT_MODULE_NONE))
			return WALK_TRUNCATED;
		if (!(w->regs.valid & UNWIND_BIT(UNWIND_FP)) ||
		    w->regs.value[UNWIND_FP] < w->regs.value[UNWIND_SP])
			return WALK_TRUNCATED;
		return step_to(w, w->regs.value[UNWIND_FP] + 16);
	default:
		return WALK_TRUNCATED;
	}
}

/*
 * Java frames could not be followed: looks further out for the stub by which C++ calls Java, whose return
 * address stands once in each such call, and goes on there. What is between is missing.
 */
static bool skip_java(struct walk *w, uint64_t sp)
{
	const uint64_t entry = hotspot_entry();

	sp = ALIGN_UP(sp, 8ull);
	for (unsigned i = 0; i < JAVA_WORDS_MAX; i++, sp += 8) {
		uint64_t word, fp;

		if (!unwind_memory_read(&w->memory, sp, &word))
			return false;
		if (word != entry || !unwind_memory_read(&w->memory, sp - 8, &fp) || fp <= sp ||
		    fp >= w->memory.high || fp % 8)
			continue;
		w->regs.value[UNWIND_SP] = sp + 8;
		w->regs.value[UNWIND_FP] = fp;
		w->regs.valid =
			UNWIND_BIT(UNWIND_SP) | UNWIND_BIT(UNWIND_FP) | UNWIND_BIT(UNWIND_PC);
		w->flags |= MT_STACK_GAP;
		w->key = entry;
		return true;
	}
	return false;
}

/* Steps over a Java frame, and over all up to where C++ called Java if that does not succeed. */
_noinline_ enum outcome walk_hotspot(struct walk *w)
{
	const uint64_t sp = w->regs.value[UNWIND_SP];
	enum outcome outcome = step_hotspot(w);

	/* where a Java frame leads is Java, its stubs, or C++ */
	if (outcome == WALK_ON && !hotspot_has(w->key - 1) && !unwind_learn(w->key, w->epoch))
		outcome = WALK_TRUNCATED;
	if (outcome == WALK_TRUNCATED && w->n < w->max && skip_java(w, sp))
		outcome = WALK_ON;
	return outcome;
}
