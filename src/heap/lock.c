/* SPDX-License-Identifier: MIT */
/*
 * lock.c: the slow half of lock.h, after U. Drepper, "Futexes Are Tricky", mutex 2.
 *
 * A thread that finds a lock held looks a few times more, because most holders are about to let go (the
 * look costs no system call and is bounded, unlike a spinlock's), and then sleeps. Before it sleeps it
 * asks whether this process was forked behind our back, in which case the holder does not exist here
 * and nobody would wake it.
 */
#include "heap/lock.h"

#include "heap/fork.h"
#include "heap/os.h"

#define LOOKS 40

void lock_take_slow(struct lock *lock)
{
	for (unsigned i = 0; i < LOOKS; i++) {
		uint32_t expected = 0;

		os_pause();
		if (__atomic_load_n(&lock->word, __ATOMIC_RELAXED) == 0 &&
		    __atomic_compare_exchange_n(&lock->word, &expected, 1, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return;
	}
	fork_adopt_child();
	while (__atomic_exchange_n(&lock->word, 2, __ATOMIC_ACQUIRE) != 0)
		os_futex_wait(&lock->word, 2);
}

void lock_wake(struct lock *lock)
{
	os_futex_wake(&lock->word, 1);
}
