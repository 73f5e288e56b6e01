/* SPDX-License-Identifier: MIT */
/*
 * patch.c: the stores into slots of the global offset tables, into tables of functions and into symbol
 * tables, from inside and one atomic store each: other threads call through them meanwhile.
 *
 * What was collected from outside may be wrong by now: a module may have been unloaded, and its pages
 * be somebody else's. So the loader is kept out: its lock is taken, if it is free, by the one
 * instruction that the loader itself takes it with; if it is not, somebody is loading, and the tool tries
 * again later. With the lock held, the loader's counters tell whether the modules are those that the
 * tool has seen. Only in patch_hold somebody waits, and that is a thread of the tool's own.
 *
 * The lock is a recursive mutex of libc: the word that threads wait at (0 free, 1 held, 2 held and
 * somebody may be waiting), how often its owner holds it, its owner, its number of users.
 *
 * Context: a thread of the tool's own, or the one that it has stopped, at any instruction; on a stack of
 * ours.
 */
#include "agent/inject/patch.h"

#include "agent/core/sys.h"
#include "base/macro.h"

enum {
	PATCH_FUTEX_WAIT_PRIVATE = 128,
	PATCH_FUTEX_WAKE_PRIVATE = 129,
	PATCH_SPINS = 20000,            /* looks at the lock before it is slept on */
	PATCH_SLEEP_NS = 1000000,       /* at most */
	PATCH_PATIENCE_NS = 1000000000, /* until patch_hold gives up */
};

struct patch_lock {
	uint32_t word;
	uint32_t count;
	int32_t owner;
	uint32_t users;
};

static bool patch_lock_try(struct patch_lock *lock)
{
	uint32_t none = 0;

	if (!lock)
		return true;
	/* acquire pairs with the unlock of whoever loaded something */
	if (!__atomic_compare_exchange_n(&lock->word, &none, 1, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return false;
	lock->count = 1;
	lock->owner = sys_gettid();
	lock->users++;
	return true;
}

static void patch_lock_drop(struct patch_lock *lock)
{
	if (!lock)
		return;
	lock->users--;
	lock->count = 0;
	lock->owner = 0;
	/* release pairs with the lock of whoever comes next */
	if (__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) > 1)
		sys_call3(SYS_NR_futex, (long)&lock->word, PATCH_FUTEX_WAKE_PRIVATE, 1);
}

static bool patch_is_current(const struct inject_request *request)
{
	const uint64_t *adds = (const uint64_t *)request->loader_adds;
	const uint32_t *count = (const uint32_t *)request->loader_count;

	return (!adds || *adds == request->seen_adds) && (!count || *count == request->seen_count);
}

static void patch_store(const struct inject_patch *patch, struct inject_reply *reply)
{
	uint64_t expected = patch->expected;

	/* release pairs with the call through the slot: the hook's state is there */
	if (__atomic_compare_exchange_n((uint64_t *)patch->address, &expected, patch->value, false,
					__ATOMIC_RELEASE, __ATOMIC_RELAXED))
		reply->n_patched++;
	else
		reply->n_changed++;
}

static void patch_group(const struct inject_group *group, const struct inject_patch *patches,
			struct inject_reply *reply)
{
	/* also for pages that can be written to: it says whether they are there */
	if (sys_call3(SYS_NR_mprotect, (long)group->start, (long)group->size,
		      group->prot | SYS_PROT_WRITE) < 0) {
		reply->n_refused += group->n_patches;
		return;
	}
	for (uint32_t i = 0; i < group->n_patches; i++)
		patch_store(&patches[i], reply);
	if (!(group->prot & SYS_PROT_WRITE))
		sys_call3(SYS_NR_mprotect, (long)group->start, (long)group->size, group->prot);
}

int patch_locked(const struct inject_request *request, struct inject_reply *reply)
{
	const struct inject_group *groups = (const struct inject_group *)request->groups;
	const struct inject_patch *patches = (const struct inject_patch *)request->patches;

	if (!patch_is_current(request))
		return -SYS_EAGAIN;
	for (uint32_t i = 0; i < request->n_groups; i++) {
		patch_group(&groups[i], patches, reply);
		patches += groups[i].n_patches;
	}
	return 0;
}

int patch_all(const struct inject_request *request, struct inject_reply *reply)
{
	struct patch_lock *lock = (struct patch_lock *)request->loader_lock;
	int r;

	if (!patch_lock_try(lock))
		return -SYS_EBUSY;
	r = patch_locked(request, reply);
	patch_lock_drop(lock);
	return r;
}

/* Whoever has the lock takes it again at once, so that it has to be looked at all the time. */
static bool patch_lock_spin(struct patch_lock *lock)
{
	for (unsigned i = 0; i < PATCH_SPINS; i++) {
		if (__atomic_load_n(&lock->word, __ATOMIC_RELAXED) == 0 && patch_lock_try(lock))
			return true;
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
	}
	return false;
}

static void patch_lock_sleep(struct patch_lock *lock)
{
	const struct {
		int64_t s, ns;
	} timeout = {0, PATCH_SLEEP_NS};
	uint32_t held = 1;

	/* who unlocks it is to wake us */
	(void)__atomic_compare_exchange_n(&lock->word, &held, 2, false, __ATOMIC_RELAXED,
					  __ATOMIC_RELAXED);
	sys_call4(SYS_NR_futex, (long)&lock->word, PATCH_FUTEX_WAIT_PRIVATE, 2, (long)&timeout);
}

bool patch_hold(const struct inject_request *request)
{
	struct patch_lock *lock = (struct patch_lock *)request->loader_lock;
	uint64_t end_ns = sys_clock_ns() + PATCH_PATIENCE_NS;

	while (!patch_lock_spin(lock)) {
		if (sys_clock_ns() > end_ns)
			return false;
		patch_lock_sleep(lock);
	}
	/* others may be waiting since the word was 2 */
	__atomic_store_n(&lock->word, 2, __ATOMIC_RELAXED);
	return true;
}

void patch_drop(const struct inject_request *request)
{
	patch_lock_drop((struct patch_lock *)request->loader_lock);
}
