/* SPDX-License-Identifier: MIT */
/*
 * recall-walk.h: one step from a frame to its caller, by a thread's own copies of rules.
 *
 * The state of a walk is stack pointer, frame pointer and key, the pc as it stands in frames. All words
 * that a rule reads lie between the stack pointer and the end of the thread's stack.
 */
#ifndef AGENT_CORE_RECALL_WALK_H
#define AGENT_CORE_RECALL_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/hotspot.h"
#include "agent/core/unwind-cache.h"
#include "agent/core/unwind-regs.h"
#include "region/abi.h"

enum { RECALL_RULE_BITS = 8 };

/* A rule of the present epoch, of kind SP, FP or END. */
struct recall_rule {
	uint64_t frame; /* key and module; 0 if there is none */
	int32_t cfa;
	int16_t saved;
	uint8_t kind;
};

struct recall_walk {
	uint64_t sp, fp, key;
	uintptr_t end;
	uintptr_t skip_start, skip_size;
	uint64_t epoch;
	struct recall_rule *rules; /* 1 << RECALL_RULE_BITS, by key */
};

/* Frames of Java have no rules: recall-java.h. Beside enum rule_kind. */
enum recall_kind {
	RECALL_COMPILED = 16, /* CFA = sp + a size that stands in the code's header */
	RECALL_STUB,          /* CFA = fp + 16 */
	RECALL_INTERPRETED,   /* the same; the caller's sp is another word of the frame */
};

/* The state that a step began in, and what its rule says. */
struct recall_step {
	uint64_t sp, fp, key;
	uint64_t frame; /* as recorded: pc and module */
	int16_t saved;  /* where its function saved fp: words from the CFA, 0 if it did not */
	uint8_t kind;   /* enum rule_kind: SP, FP or END; or enum recall_kind */
};

/* A word that was read, and what it was. */
struct recall_word {
	uint64_t place;
	uint64_t value;
};

/* Fetches the rule for a key from the cache of all threads. False if it is none that is kept here. */
bool recall_walk_learn(uint64_t key, uint64_t epoch, struct recall_rule *ret);

/*
 * A word of the stack, wherever it is: AddressSanitizer has poisoned some between the frames' variables. What is
 * inlined is checked like the function that it is inlined into, so under it this is a function of its own.
 */
#ifdef __SANITIZE_ADDRESS__
#define _reads_poisoned_ __attribute__((no_sanitize_address, noinline, unused))
#else
#define _reads_poisoned_ _always_inline_
#endif
static _reads_poisoned_ uint64_t recall_read(uintptr_t place)
{
	return *(const volatile uint64_t *)place;
}

static _always_inline_ bool recall_word_holds(const struct recall_word *word)
{
	return recall_read(word->place) == word->value;
}

/* Where the function of a frame saved fp, if it did. */
static _always_inline_ uint64_t recall_saved_place(uint64_t cfa, int16_t saved)
{
	return cfa + (uint64_t)((int64_t)saved * 8);
}

static _always_inline_ bool recall_walk_is_skipped(const struct recall_walk *walk)
{
	return walk->key - 1 - walk->skip_start < walk->skip_size;
}

/* Where among the rules that for a key is. */
static _always_inline_ unsigned recall_rule_index(uint64_t key)
{
	return (unsigned)(cache_hash(key) >> (64 - RECALL_RULE_BITS));
}

static _always_inline_ bool recall_rule_is_for(const struct recall_rule *rule, uint64_t key)
{
	return MT_FRAME_PC(rule->frame) == key && rule->frame != 0;
}

/*
 * The rule for where the walk is, fetched if another key's is in its place; NULL if there is none. A way
 * on which two frames share a place fetches one of them each time.
 */
static _always_inline_ const struct recall_rule *
recall_walk_find_rule(const struct recall_walk *walk)
{
	struct recall_rule *rule = &walk->rules[recall_rule_index(walk->key)];

	if (likely(recall_rule_is_for(rule, walk->key)))
		return rule;
	return recall_walk_learn(walk->key, walk->epoch, rule) ? rule : NULL;
}

/*
 * Where a rule leads to: the caller's stack pointer, and the place of the return address. False if a
 * word were to be read that is not on the stack.
 */
static _always_inline_ bool recall_walk_apply(const struct recall_walk *walk,
					      const struct recall_rule *rule, uint64_t *ret_cfa,
					      uint64_t *ret_saved, uint64_t *ret_ra)
{
	uint64_t cfa = (rule->kind == RULE_SP ? walk->sp : walk->fp) + (uint64_t)(int64_t)rule->cfa;
	uint64_t saved = recall_saved_place(cfa, rule->saved);
	uint64_t ra = unwind_ra_place(cfa, saved);

	*ret_cfa = cfa;
	*ret_saved = saved;
	*ret_ra = ra;
	return !(ra < walk->sp || ra >= cfa || cfa > walk->end || saved < walk->sp || saved > cfa ||
		 (cfa & 7));
}

/* The same where the walk is in a frame of Java; ret has its state already. In recall-java.c. */
bool recall_java_step(struct recall_walk *walk, struct recall_step *ret);

/* Goes from a frame to its caller and notes it in ret. False if that takes more than a short rule. */
static _always_inline_ bool recall_walk_step(struct recall_walk *walk, struct recall_step *ret)
{
	struct recall_rule *rule = &walk->rules[recall_rule_index(walk->key)];
	uint64_t cfa, saved, ra;

	ret->sp = walk->sp;
	ret->fp = walk->fp;
	ret->key = walk->key;
	if (unlikely(!recall_rule_is_for(rule, walk->key))) {
		if (hotspot_has(walk->key - 1))
			return recall_java_step(walk, ret);
		if (!recall_walk_learn(walk->key, walk->epoch, rule))
			return false;
	}
	ret->frame = rule->frame;
	ret->saved = rule->saved;
	ret->kind = rule->kind;
	if (rule->kind == RULE_END)
		return true;
	if (unlikely(!recall_walk_apply(walk, rule, &cfa, &saved, &ra)))
		return false;
	if (rule->saved)
		walk->fp = recall_read(saved);
	walk->key = unwind_strip(recall_read(ra));
	walk->sp = cfa;
	return true;
}

#endif
