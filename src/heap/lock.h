/* SPDX-License-Identifier: MIT */
/*
 * lock.h: a lock of one word that sleeps in the kernel. Not recursive, not fair, free while zero, so
 * that it needs no initialisation and can be reset in a forked child by storing zero. While a lock is
 * held no other function of the heap is entered from outside, and no hook is called.
 *
 * Order: a central list's, the page heap's, then those of spans, huge blocks, thread caches and
 * metadata, which never take another.
 */
#ifndef HEAP_LOCK_H
#define HEAP_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macro.h"

struct lock {
	uint32_t word; /* 0 free, 1 held, 2 held and somebody may sleep */
};

/* Takes a lock that is held; wakes a sleeper. Not called directly. */
void lock_take_slow(struct lock *lock);
void lock_wake(struct lock *lock);

static _always_inline_ void lock_take(struct lock *lock)
{
	uint32_t expected = 0;

	/* pairs with the release in lock_drop */
	if (unlikely(!__atomic_compare_exchange_n(&lock->word, &expected, 1, false,
						  __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)))
		lock_take_slow(lock);
}

static _always_inline_ void lock_drop(struct lock *lock)
{
	/* pairs with the acquire in lock_take and lock_take_slow */
	if (unlikely(__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) == 2))
		lock_wake(lock);
}

static inline void lock_reset(struct lock *lock)
{
	__atomic_store_n(&lock->word, 0, __ATOMIC_RELEASE);
}

#endif
