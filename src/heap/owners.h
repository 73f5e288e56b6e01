/* SPDX-License-Identifier: MIT */
/* owners.h: which thread has which cache, and those that wait for one. */
#ifndef HEAP_OWNERS_H
#define HEAP_OWNERS_H

#include <stdbool.h>
#include <stdint.h>

#include "heap/threadcache.h"

/* A cache for the calling thread, which it may have left behind; NULL if there is no memory for one. */
struct threadcache *owners_adopt(void);

/* The calling thread's cache, which is empty, waits for another one. */
void owners_release(struct threadcache *cache);

/* Caches that have a thread, at least 1. */
uint32_t owners_count(void);

/* The cache that was made last; the others follow by next. */
struct threadcache *owners_newest(void);

/* In a forked child: forgets who has which; enters a cache as the calling thread's or as one that waits. */
void owners_reset(void);
void owners_enter(struct threadcache *cache, bool is_own);

/* For fork.c. */
struct lock *owners_lock(void);

#endif
