/* SPDX-License-Identifier: MIT */
/*
 * sites.h: one entry for each stack and kind, found by hash, and its counters.
 */
#ifndef AGENT_CORE_SITES_H
#define AGENT_CORE_SITES_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/thread.h"
#include "region/abi.h"

/* What one block adds to estimates; see the head of region/abi.h. */
struct sites_weight {
	uint64_t bytes;
	uint64_t blocks; /* in 1/MT_BLOCKS_ONE */
	double variance; /* bytes² */
};

/* After writer_create. 0 or -errno. */
int sites_init(void);

/*
 * The site of that stack, made if it is new; 0 if there is no room. flags are enum mt_stack_flags; of
 * them MT_STACK_BACKING, MT_STACK_POOL and the tag above them (annotate.h) tell sites apart.
 */
uint32_t sites_get(struct thread *thread, enum mt_site_kind kind, unsigned flags,
		   const uint64_t *frames, unsigned n_frames, uint64_t now_ns);

/* The site of the stack with that stack_hash; 0 if it is not known yet. */
uint32_t sites_find(enum mt_site_kind kind, unsigned flags, uint64_t stack_hash);

/* What a block of size bytes, sampled at interval, stands for. The same arguments give the same. */
struct sites_weight sites_weigh(uint64_t size, uint64_t interval);

void sites_add_allocated(uint32_t site, const struct sites_weight *weight);
/* The bytes and the block alone, of one that is recorded exactly. */
void sites_add_exact(uint32_t site, uint64_t size);
/* The rest of it: samples, and what was freed of blocks that were recorded exactly. */
void sites_add_gathered(uint32_t site, const struct thread_tally *tally);
void sites_add_freed(uint32_t site, const struct sites_weight *weight);
/* In a forked child: the block was there at the fork. */
void sites_add_inherited(uint32_t site, const struct sites_weight *weight);

/* In a forked child, after writer_create_child. */
void sites_after_fork(void);

uint32_t sites_n_used(void);
uint64_t sites_n_frames_used(void);
uint64_t sites_own_bytes(void);

#endif
