/* SPDX-License-Identifier: MIT */
/*
 * recall-chain.c: the agent's own frames at the begin of a trace.
 *
 * Between the allocation function and the recorder stand the same few chains of calls each time, at other
 * addresses. If all their rules count from the stack pointer, the places of their return addresses are
 * constants, and comparing those with what they were is enough: a chain of eight frames costs seven
 * comparisons wherever it is. What the last of them returns to is the program's, and is where the walk
 * goes on.
 *
 * Context: as recall.c.
 */
#include "agent/core/recall-chain.h"

void recall_chain_forget(struct recall_chains *chains)
{
	for (unsigned i = 0; i < RECALL_CHAINS; i++)
		chains->chains[i].n = 0;
}

/* Adds a frame of the agent that the walk has just gone over. */
static void recall_chain_extend(struct recall_chain *chain, const struct recall_step *step,
				const struct recall_walk *walk, uint64_t first_sp)
{
	uint64_t saved = recall_saved_place(walk->sp, step->saved);
	uint64_t place = unwind_ra_place(walk->sp, saved);
	struct recall_word *link = &chain->links[chain->n];

	chain->n++;
	link->place = place - first_sp;
	link->value = recall_read(place);
	chain->size = (uint32_t)(walk->sp - first_sp);
	if (step->saved)
		chain->saved = saved - first_sp;
}

/* Goes over the agent's frames one by one. What is in ret_chain is good if its n is not 0. */
static void recall_chain_walk(struct recall_walk *walk, struct recall_chain *ret_chain)
{
	struct recall_chain *chain = ret_chain;
	uint64_t first_sp = walk->sp;
	bool is_chain = true;

	chain->n = chain->size = 0;
	chain->saved = RECALL_NOT_SAVED;
	while (recall_walk_is_skipped(walk)) {
		struct recall_step step;

		if (!recall_walk_step(walk, &step) || step.kind == RULE_END)
			break;
		is_chain &= step.kind == RULE_SP && chain->n < RECALL_CHAIN_MAX;
		if (is_chain)
			recall_chain_extend(chain, &step, walk, first_sp);
	}
	if (!is_chain || recall_walk_is_skipped(walk))
		chain->n = 0;
}

/* The same, and keeps them. */
_noinline_ bool recall_chain_learn(struct recall_chains *chains, struct recall_walk *walk)
{
	struct recall_chain *place = &chains->chains[chains->next++ % RECALL_CHAINS], chain;
	unsigned n;

	recall_chain_walk(walk, &chain);
	n = chain.n;
	chain.n = place->n = 0;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	*place = chain;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	place->n = n;
	return !recall_walk_is_skipped(walk);
}
