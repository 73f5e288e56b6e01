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

/* A block was recorded, or a recorded one freed: counts it for its site, the thread and the header. */
void tally_allocated(struct thread *thread, uint32_t site, const struct sites_weight *weight,
		     uint64_t now_ns);
void tally_freed(struct thread *thread, uint32_t site, const struct sites_weight *weight);

/* In a forked child: the block was there before. tally_publish when all are counted. */
void tally_inherited(const struct sites_weight *weight);
void tally_publish(void);

/* Time that recording took. */
void tally_own_ns(struct thread *thread, uint64_t ns);

/* Adds what a thread has gathered. Also by another thread at exit, when the owner may be stopped anywhere. */
_hidden_ void tally_flush(struct thread *thread); /* hidden: its address is taken */

#endif
