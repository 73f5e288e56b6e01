/* SPDX-License-Identifier: MIT */
/*
 * tally.h: the counters that all threads share, gathered by each thread and added in batches.
 *
 * All of these run between thread_enter and thread_leave. Nested users, who interrupted another one, add
 * theirs at once.
 */
#ifndef AGENT_CORE_TALLY_H
#define AGENT_CORE_TALLY_H

#include <stdint.h>

#include "agent/core/sites.h"
#include "agent/core/thread.h"

/* In a process that begins, or begins anew after a fork: nothing is live. */
void tally_init(void);

/*
 * A block was recorded, or a recorded one freed: counts it for its site, the thread and the header.
 * interval is the one that it was sampled with.
 */
static inline void tally_allocated(struct thread *thread, uint32_t site, uint64_t size,
				   uint32_t interval, uint64_t now_ns);
static inline void tally_freed(struct thread *thread, uint32_t site, uint64_t size,
			       uint32_t interval);

/* In a forked child: the block was there before. tally_publish when all are counted. */
void tally_inherited(const struct sites_weight *weight);
void tally_publish(void);

/* Time that recording took. */
void tally_own_ns(struct thread *thread, uint64_t ns);

/* Adds what a thread has gathered. Also by another thread at exit, when the owner may be stopped anywhere. */
_hidden_ void tally_flush(struct thread *thread); /* hidden: its address is taken */

/* private to the inline functions; tally.c explains it */
enum {
	TALLY_BATCH = 2048, /* events */
	TALLY_FIRST = 64,   /* events of a thread that are added at once */
};

/* The owner's half of a counter that tally_flush may take from another thread at exit. */
#define tally_bump(counter, n)                                                            \
	__atomic_store_n(&(counter), __atomic_load_n(&(counter), __ATOMIC_RELAXED) + (n), \
			 __ATOMIC_RELAXED)

void tally_allocated_at_once(struct thread *thread, uint32_t site, uint64_t size, uint32_t interval,
			     uint64_t now_ns);
void tally_freed_at_once(struct thread *thread, uint32_t site, uint64_t size, uint32_t interval);
void tally_change_site(struct thread *thread, struct thread_tally *tally, uint32_t site);
void tally_flush_due(struct thread *thread);

static _always_inline_ bool tally_is_gathered(const struct thread *thread, uint32_t interval)
{
	return likely(interval == 0 && thread->depth == 1 && thread->n_events > TALLY_FIRST);
}

/* The thread's counts for a site. */
static _always_inline_ struct thread_tally *tally_get(struct thread *thread, uint32_t site)
{
	struct thread_tally *tally = &thread->tallies[site % THREAD_TALLIES];

	if (unlikely(tally->site != site))
		tally_change_site(thread, tally, site);
	return tally;
}

/*
 * Counts a block of a site that another thread owns in the thread's entry of the region, where readers find it: threads
 * that added to the site itself would pass its cache line to and fro.
 */
static _always_inline_ void tally_share(struct thread *thread, const struct thread_tally *tally,
					uint32_t site, uint64_t size)
{
	struct mt_tally *shared = &writer.threads[thread->index].tallies[tally - thread->tallies];

	if (unlikely(!thread->index || thread->ended)) {
		sites_add_exact(site, size, 1);
		return;
	}
	shared->site = site;
	tally_bump(shared->bytes, size);
	tally_bump(shared->blocks, 1);
}

/* Of an event that tally_is_gathered holds of; it is not yet counted as one. */
static _always_inline_ void tally_gather_allocated(struct thread *thread, uint32_t site,
						   uint64_t size)
{
	struct thread_tally *tally = tally_get(thread, site);

	if (likely(tally->is_own))
		sites_add_own(site, size);
	else
		tally_share(thread, tally, site, size);
	tally_bump(tally->n_allocated, 1);
	tally_bump(tally->allocated, size);
	tally_bump(thread->pending_live, (int64_t)size);
	if (unlikely(thread->pending_live > thread->pending_peak))
		__atomic_store_n(&thread->pending_peak, thread->pending_live, __ATOMIC_RELAXED);
	if (unlikely(thread->pending_live > thread->live_limit))
		tally_flush_due(thread);
}

static _always_inline_ void tally_gather_freed(struct thread *thread, uint32_t site, uint64_t size)
{
	struct thread_tally *tally = tally_get(thread, site);

	tally_bump(tally->n_freed, 1);
	tally_bump(tally->freed, size);
	tally_bump(thread->pending_live, -(int64_t)size);
	if (unlikely(thread->pending_live < -thread->live_limit))
		tally_flush_due(thread);
}

/* Counts events; a batch is added. */
static _always_inline_ void tally_count(struct thread *thread, uint32_t n_events)
{
	tally_bump(thread->n_pending, n_events);
	if (unlikely(thread->n_pending >= TALLY_BATCH))
		tally_flush_due(thread);
}

static _always_inline_ void tally_allocated(struct thread *thread, uint32_t site, uint64_t size,
					    uint32_t interval, uint64_t now_ns)
{
	if (!tally_is_gathered(thread, interval)) {
		tally_allocated_at_once(thread, site, size, interval, now_ns);
		return;
	}
	tally_gather_allocated(thread, site, size);
	thread_count_sample(thread, now_ns);
	tally_count(thread, 1);
}

static _always_inline_ void tally_freed(struct thread *thread, uint32_t site, uint64_t size,
					uint32_t interval)
{
	if (!tally_is_gathered(thread, interval)) {
		tally_freed_at_once(thread, site, size, interval);
		return;
	}
	tally_gather_freed(thread, site, size);
	tally_count(thread, 1);
}

#endif
