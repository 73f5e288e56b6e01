/* SPDX-License-Identifier: MIT */
/*
 * threadcache.h: a thread's own free blocks, which it takes and gives without a lock.
 *
 * threadcache_self is never NULL: a thread that has no cache has the one of nobody, whose lists are
 * empty, which takes no blocks and whose countdown is used up. So the fast paths need no test for it.
 */
#ifndef HEAP_THREADCACHE_H
#define HEAP_THREADCACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/published.h"
#include "heap/tidy.h"

extern __thread struct threadcache *threadcache_self __attribute__((tls_model("initial-exec")))
_hidden_;

/*
 * The calling thread's cache, made if need be, and marked busy until threadcache_leave. NULL if there
 * is no memory for one, or if it is busy already: a signal handler interrupted the heap. Also brings the
 * cache up to date with heap_restart_countdowns and heap_trim.
 */
struct threadcache *threadcache_enter(void);
/* The same for a thread that only frees: NULL if it has ended. */
struct threadcache *threadcache_enter_to_give(void);
static inline void threadcache_leave(struct threadcache *cache);

/* Bytes until the next report. The slow path is taken before, too. */
static inline void threadcache_set_countdown(struct threadcache *cache, int64_t n_bytes);

/* A block of the class, NULL if there is no memory. */
void *threadcache_take(struct threadcache *cache, unsigned class);
/* Takes a block of the class back. */
void threadcache_give(struct threadcache *cache, unsigned class, void *block);

/*
 * Blocks: a thread's part of one in fraction of those that there are of the class, with tags or without; at least one,
 * and what a list's first refill asks for. No more than most.
 */
unsigned threadcache_part(unsigned class, unsigned fraction, unsigned most);

/* Bytes that the lists of one thread may grow to hold. */
uint64_t threadcache_share(void);

/* Everything that is cached goes to the central lists. */
void threadcache_flush(struct threadcache *cache);

/* The calling thread ends: its cache waits for another thread. */
void threadcache_end(void);

/* In a forked child: the caches of threads that are not here are emptied, what was in them is lost. */
void threadcache_forget_others(void);

/* Countdowns of all caches are over, or (trim) all are asked to flush at their next slow path. */
void threadcache_restart_all(void);
void threadcache_trim_all(void);

/* Tells a cache from others, in short. */
static inline uint32_t threadcache_number(const struct threadcache *cache)
{
	return (uint32_t)((uintptr_t)cache / sizeof(*cache)) + 1;
}

static inline void threadcache_leave(struct threadcache *cache)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	cache->busy = 0;
}

static _always_inline_ void threadcache_set_countdown_by(struct threadcache *cache, int64_t n_bytes,
							 int64_t piece)
{
	const int64_t now = MIN(n_bytes, piece);

	cache->rest = n_bytes - now;
	__atomic_store_n(&cache->countdown, now, __ATOMIC_RELAXED);
}

static _always_inline_ void threadcache_set_countdown(struct threadcache *cache, int64_t n_bytes)
{
	threadcache_set_countdown_by(cache, n_bytes, TIDY_BYTES);
}

#endif
