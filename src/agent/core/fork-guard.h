/* SPDX-License-Identifier: MIT */
/*
 * fork-guard.h: one word that tells a forked child from its parent.
 *
 * It stands in a private page with MADV_WIPEONFORK: every child that has memory of its own (fork, raw
 * clone) finds 0 there, children that share the memory (vfork, posix_spawn, threads) find what the
 * parent finds, and no system call is needed to ask.
 */
#ifndef AGENT_CORE_FORK_GUARD_H
#define AGENT_CORE_FORK_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/sys.h"

struct fork_guard {
	uint32_t claimed; /* 1 once the process has a region of its own, or does without for good */
	struct sys_lock lock; /* held while the process gets its region; wiped with the page */
};

/* NULL before fork_guard_init. */
extern _hidden_ struct fork_guard *fork_guard;

/* Maps the page. Returns 0 or -errno. */
int fork_guard_init(void);

/* False in a forked child that has not claimed yet. Only after fork_guard_init. */
static inline bool fork_guard_is_claimed(void)
{
	/* acquire pairs with the release in fork_guard_claim */
	return likely(__atomic_load_n(&fork_guard->claimed, __ATOMIC_ACQUIRE) != 0);
}

static inline void fork_guard_claim(void)
{
	/* release pairs with the acquire in fork_guard_is_claimed: the region is complete */
	__atomic_store_n(&fork_guard->claimed, 1, __ATOMIC_RELEASE);
}

#endif
