/* SPDX-License-Identifier: MIT */
/*
 * recall-memo.h: short ways from where a walk begins to frames that are remembered.
 *
 * A memo says: in this state, if these words still hold these values, the walk comes to the remembered
 * frame with that id. What the whole stack was noted to be goes with it.
 */
#ifndef AGENT_CORE_RECALL_MEMO_H
#define AGENT_CORE_RECALL_MEMO_H

#include "agent/core/recall-walk.h"

enum {
	RECALL_MEMO_WORDS = 13,
	RECALL_MEMO_BITS = 6,
	RECALL_MEMO_WAYS = 2,
	RECALL_MEMO_GUESSES = 64
};

/* The words are the return addresses of its frames, inner ones first, then their other words. */
struct recall_memo {
	uint64_t sp, key;
	uint64_t fp;       /* what it was; looked at only if needs_fp */
	uint64_t id;       /* of the frame that the words lead to */
	uint32_t note;     /* 0: the memo is not valid */
	uint16_t n_joined; /* that frame and all further out */
	uint8_t n_words;
	bool needs_fp;
	struct recall_word words[RECALL_MEMO_WORDS];
};
assert_size(struct recall_memo, 248);

struct recall_memos {
	uint8_t guesses[RECALL_MEMO_GUESSES]; /* by state alone: the memo that held at last */
	struct recall_memo memos[1 << RECALL_MEMO_BITS][RECALL_MEMO_WAYS];
	uint32_t next; /* to be replaced */
};

/* Many begin in one place, a wrapper of malloc, so they are told apart by its caller, too. */
static _always_inline_ unsigned recall_memo_index(uint64_t sp, uint64_t key, uint64_t ra)
{
	uint64_t hash = (key + (sp << 24) + (ra << 8)) * 0x9e3779b97f4a7c15ull;

	return hash >> (64 - RECALL_MEMO_BITS);
}

/* Whether a walk in that state goes the way of the memo. */
static _always_inline_ bool recall_memo_holds(const struct recall_memo *memo,
					      const struct recall_walk *walk)
{
	if (memo->key != walk->key || memo->sp != walk->sp || memo->note == 0 ||
	    (memo->needs_fp && memo->fp != walk->fp))
		return false;
	for (unsigned i = 0; i < memo->n_words; i++)
		if (!recall_word_holds(&memo->words[i]))
			return false;
	return true;
}

static _always_inline_ uint8_t *recall_memo_guess_place(struct recall_memos *memos,
							const struct recall_walk *walk)
{
	return &memos->guesses[(walk->sp / 16 + walk->key) % RECALL_MEMO_GUESSES];
}

/* One that may be for the walk's way: finding the caller takes a rule, this takes a look. */
static _always_inline_ const struct recall_memo *recall_memo_guess(struct recall_memos *memos,
								   const struct recall_walk *walk)
{
	return &memos->memos[0][0] + *recall_memo_guess_place(memos, walk);
}

/* The memo for the walk's way; NULL if there is none. */
static _always_inline_ const struct recall_memo *recall_memo_find(struct recall_memos *memos,
								  const struct recall_walk *walk)
{
	const struct recall_rule *rule = recall_walk_find_rule(walk);
	const struct recall_memo *memo;
	uint64_t cfa, saved, ra;

	if (unlikely(!rule || rule->kind == RULE_END ||
		     !recall_walk_apply(walk, rule, &cfa, &saved, &ra)))
		return NULL;
	memo = memos->memos[recall_memo_index(walk->sp, walk->key, recall_read(ra))];
	for (unsigned way = 0; way < RECALL_MEMO_WAYS; way++, memo++)
		if (recall_memo_holds(memo, walk)) {
			*recall_memo_guess_place(memos, walk) =
				(uint8_t)(memo - &memos->memos[0][0]);
			return memo;
		}
	return NULL;
}

/*
 * A place for a memo of a walk that began in that state; ra is the first frame's return address. It has no
 * note: the caller fills it in, and the note at last.
 */
struct recall_memo *recall_memo_take(struct recall_memos *memos, uint64_t sp, uint64_t key,
				     uint64_t ra);

#endif
