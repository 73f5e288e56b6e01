/* SPDX-License-Identifier: MIT */
/*
 * recall-chain.h: from the recorder out to the program, over the agent's own frames.
 */
#ifndef AGENT_CORE_RECALL_CHAIN_H
#define AGENT_CORE_RECALL_CHAIN_H

#include "agent/core/recall-walk.h"

enum { RECALL_CHAINS = 8, RECALL_CHAIN_MAX = 14 };

/* Frames of the agent, from the walk's first outward, in bytes from the first stack pointer. */
struct recall_chain {
	uint32_t n;
	uint32_t size;  /* to the stack pointer of the program's frame */
	uint64_t saved; /* where the program's frame pointer is, or RECALL_NOT_SAVED */
	struct recall_word links[RECALL_CHAIN_MAX]; /* return addresses; the last one is any */
};

struct recall_chains {
	struct recall_chain chains[RECALL_CHAINS];
	uint32_t next; /* to be replaced */
};

/* Rules have changed. */
void recall_chain_forget(struct recall_chains *chains);

/* Goes over the frames that are to be skipped. False if they do not end. */
static inline bool recall_chain_leave(struct recall_chains *chains, struct recall_walk *walk);

/* private to the inline functions */
enum { RECALL_NOT_SAVED = UINT32_MAX };

bool recall_chain_learn(struct recall_chains *chains, struct recall_walk *walk);

/* Goes over the agent's frames, if they are those of the chain. */
static _always_inline_ bool recall_chain_follow(struct recall_walk *walk,
						const struct recall_chain *chain)
{
	const struct recall_word *link = &chain->links[chain->n];
	const uint64_t sp = walk->sp;

	if (unlikely(chain->n == 0 || walk->end - sp < chain->size))
		return false;
	/* chains differ most at their outer ends */
	for (link--; link > chain->links; link--)
		if (recall_read(sp + link[-1].place) != link[-1].value)
			return false;
	walk->key = unwind_strip(recall_read(sp + chain->links[chain->n - 1].place));
	if (chain->saved != RECALL_NOT_SAVED)
		walk->fp = recall_read(sp + chain->saved);
	walk->sp = sp + chain->size;
	return true;
}

static _always_inline_ bool recall_chain_leave(struct recall_chains *chains,
					       struct recall_walk *walk)
{
	if (unlikely(!recall_walk_is_skipped(walk)))
		return true;
	for (unsigned i = 0; i < RECALL_CHAINS; i++)
		if (recall_chain_follow(walk, &chains->chains[i]))
			return !recall_walk_is_skipped(walk);
	return recall_chain_learn(chains, walk);
}

#endif
