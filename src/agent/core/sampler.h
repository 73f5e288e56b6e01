/* SPDX-License-Identifier: MIT */
/*
 * sampler.h: when to record, and how often that may be.
 *
 * A distance is a number of bytes: the allocation with which the sum of the sizes asked for since then
 * (0 counts as 1) exceeds it is the next to be recorded. Distances are exponential with the interval as
 * their mean, so that a block of Z bytes is recorded with probability 1 - exp(-Z/interval), whatever came
 * before it. Interval 0 records everything.
 */
#ifndef AGENT_CORE_SAMPLER_H
#define AGENT_CORE_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

#include "region/abi.h"

/*
 * After writer_create. interval: bytes; with MT_SAMPLING_AUTO what it begins with, 0 for everything. watched:
 * somebody looks on, so that a process that is mostly idle may be recorded as one that uses a core.
 */
void sampler_init(enum mt_sampling sampling, uint64_t interval, bool watched);
/* In a forked child: budgets begin anew. */
void sampler_after_fork(void);

/* Bytes; what a new distance is to be drawn with. */
uint32_t sampler_interval(void);

/* The next distance for that interval. random is the state of thread_random. */
int64_t sampler_draw(uint32_t interval, uint64_t *random);

/* What one thread did since it last said so; now and then alters the interval. */
struct sampler_account {
	uint64_t samples;
	uint64_t allocated; /* bytes, weighted */
	uint64_t own_ns;
};
void sampler_add(const struct sampler_account *account);

/* A table is full: something could not be recorded. Widens the interval. */
void sampler_table_full(void);

/* A sample that seems to have taken longer was interrupted meanwhile. */
uint64_t sampler_cost_limit_ns(void);

/* How long to wait for the next look after looks that take so long, nanoseconds. */
uint64_t sampler_pause_ns(uint64_t look_ns);

/* Time that recording took so far. */
uint64_t sampler_own_ns(void);

#endif
