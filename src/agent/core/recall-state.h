/* SPDX-License-Identifier: MIT */
/*
 * recall-state.h: what recall.c remembers, and how recall-unwind.c adds to it. Their own.
 */
#ifndef AGENT_CORE_RECALL_STATE_H
#define AGENT_CORE_RECALL_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/recall-chain.h"
#include "agent/core/recall-java.h"
#include "agent/core/recall-memo.h"
#include "agent/core/recall-walk.h"

enum {
	RECALL_FRAMES = 500, /* deepest stack, and room for new frames beside a remembered one */
	RECALL_GIVEN = 2 * RECALL_FRAMES,
};

struct recall_frame {
	struct recall_step step; /* its fp holds no longer unless needs_fp */
	uint64_t hash;           /* of this frame and all further out */
	uint64_t id;
	uint16_t n_given; /* in given[], by this frame and all further out */
	bool needs_fp;
};
assert_size(struct recall_frame, 64);

/* A frame pointer that a frame saved and the next one further out needs, or another word of a frame of Java. */
struct recall_given {
	struct recall_word word;
	uint64_t frame; /* its index */
};

struct recall {
	uintptr_t skip_start, skip_end;
	unsigned max;
	uint64_t epoch; /* rules were those of this one; 0: none */
	uintptr_t end;  /* of the stack that frames are of */
	uint64_t last_id;
	uint32_t n;
	uint32_t note;            /* of the stack that frames are */
	struct recall_memo *memo; /* was made for the last stack and has no note yet, or NULL */
	uint16_t failures, pause;
	struct recall_chains chains;
	struct recall_rule rules[1 << RECALL_RULE_BITS]; /* by key */
	struct recall_memos memos;
	struct recall_word words[RECALL_FRAMES];
	struct recall_given given[RECALL_GIVEN];
	struct recall_frame frames[RECALL_FRAMES];
};

/*
 * Unwinds until the rest is known. Returns how many of the remembered frames are still good, or -1; the
 * new ones are from ret_bottom on.
 */
int recall_unwind(struct recall *recall, struct recall_walk *walk, unsigned *ret_bottom);

/* Moves the new frames behind the first n. False if that is not possible: then nothing is remembered. */
bool recall_settle(struct recall *recall, unsigned n, unsigned bottom);

/* Keeps the way from the innermost frame to the first n_joined ones. It is valid once it is noted. */
void recall_make_memo(struct recall *recall, unsigned n_joined);

/* Whether the walk is in the state that is remembered there. */
static _always_inline_ bool recall_is_here(const struct recall_walk *walk,
					   const struct recall_frame *frame)
{
	return frame->step.sp == walk->sp && frame->step.key == walk->key &&
	       (!frame->needs_fp || frame->step.fp == walk->fp);
}

/* The first frame from i outward one of whose words has changed; 0, the outermost one, if none has. */
static _always_inline_ unsigned recall_compare(const struct recall *recall, unsigned i)
{
	const struct recall_word *word = &recall->words[i];
	unsigned n_given = recall->frames[i].n_given;

	while (word > recall->words && likely(recall_word_holds(word)))
		word--;
	i = (unsigned)(word - recall->words);
	for (; unlikely(n_given > 0); n_given--) {
		const struct recall_given *given = &recall->given[n_given - 1];

		if (given->frame <= i)
			break;
		if (unlikely(!recall_word_holds(&given->word)))
			return (unsigned)given->frame;
	}
	return i;
}

#endif
