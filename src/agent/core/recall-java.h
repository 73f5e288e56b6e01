/* SPDX-License-Identifier: MIT */
/*
 * recall-java.h: frames of a Java machine in a stack that is remembered.
 *
 * What leads from them to the next one are not only the return address and the saved frame pointer. An interpreted
 * frame says what it executes and where its caller's stack pointer was; and the size of a compiled one stands in the
 * header of its code, which may be replaced by other code once no frame of it is left. Those words are
 * remembered, too.
 */
#ifndef AGENT_CORE_RECALL_JAVA_H
#define AGENT_CORE_RECALL_JAVA_H

#include "agent/core/recall-walk.h"

enum { RECALL_JAVA_WORDS = 3 };

static _always_inline_ bool recall_java_is(const struct recall_step *step)
{
	return step->kind >= RECALL_COMPILED;
}

/* The CFA of a step whose caller has that stack pointer. */
static _always_inline_ uint64_t recall_java_cfa(const struct recall_step *step, uint64_t caller_sp)
{
	return unlikely(step->kind == RECALL_INTERPRETED) ? step->fp + 16 : caller_sp;
}

/* The other words of a step, at most RECALL_JAVA_WORDS; returns how many. step is of a live frame. */
unsigned recall_java_words(const struct recall_step *step, struct recall_word *ret);

#endif
