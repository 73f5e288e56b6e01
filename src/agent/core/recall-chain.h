/* SPDX-License-Identifier: MIT */
/*
 * recall-chain.h: from the recorder out to the program, over the agent's own frames.
 */
#ifndef AGENT_CORE_RECALL_CHAIN_H
#define AGENT_CORE_RECALL_CHAIN_H

#include "agent/core/recall-walk.h"

enum { RECALL_CHAINS = 4, RECALL_CHAIN_MAX = 14 };

/* Frames of the agent, from the walk's first outward, in bytes from the first stack pointer. */
struct recall_chain {
	uint32_t n;
	uint32_t size;  /* to the stack pointer of the program's frame */
	uint32_t saved; /* where the program's frame pointer is, or RECALL_NOT_SAVED */
	struct recall_link {
		uint32_t place; /* of the return address */
		uint64_t value; /* what it was; not looked at in the last one */
	} links[RECALL_CHAIN_MAX];
};

struct recall_chains {
	struct recall_chain chains[RECALL_CHAINS];
	uint32_t next; /* to be replaced */
};

/* Rules have changed. */
void recall_chain_forget(struct recall_chains *chains);

/* Goes over the frames that are to be skipped. False if they do not end. */
bool recall_chain_leave(struct recall_chains *chains, struct recall_walk *walk);

#endif
