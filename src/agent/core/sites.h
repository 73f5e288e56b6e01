/* SPDX-License-Identifier: MIT */
/*
 * sites.h: one entry for each stack and kind, found by hash, and its counters.
 */
#ifndef AGENT_CORE_SITES_H
#define AGENT_CORE_SITES_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/thread.h"
#include "agent/core/writer.h"
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

/* A block that stands for weight was allocated there: bytes, blocks, sample and variance. */
void sites_add_allocated(uint32_t site, const struct sites_weight *weight);
/* The bytes and the blocks alone, of such that are recorded exactly, by the site's owner or by anybody else. */
static inline void sites_add_own(uint32_t site, uint64_t size);
void sites_add_exact(uint32_t site, uint64_t bytes, uint32_t n_blocks);
/* Whether the thread, which is inside, owns the site. */
bool sites_is_own(const struct thread *thread, uint32_t site);
/* Called now and then by the owner: what it counts is kept in few bits. */
void sites_settle_own(uint32_t site);
/* The rest of it: samples, and what was freed of blocks that were recorded exactly. */
void sites_add_gathered(uint32_t site, const struct thread_tally *tally);
void sites_add_freed(uint32_t site, const struct sites_weight *weight);
/* In a forked child: the block was there at the fork. */
void sites_add_inherited(uint32_t site, const struct sites_weight *weight);

/* In a forked child, after writer_create_child. */
void sites_after_fork(void);

/* How far the tables were ever used, entry 0 included; and private memory, bytes. */
uint32_t sites_n_used(void);
uint64_t sites_n_frames_used(void);
uint64_t sites_own_bytes(void);

static _always_inline_ void sites_add_own(uint32_t id, uint64_t size)
{
	struct mt_site *site = &writer.sites[id];

	__atomic_store_n(&site->own_bytes, site->own_bytes + size, __ATOMIC_RELAXED);
	__atomic_store_n(&site->own_blocks, site->own_blocks + 1, __ATOMIC_RELAXED);
}

#endif
