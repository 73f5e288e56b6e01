/* SPDX-License-Identifier: MIT */
/* unwind-epoch.h: what the ways to trace a stack have in common. */
#ifndef AGENT_CORE_UNWIND_EPOCH_H
#define AGENT_CORE_UNWIND_EPOCH_H

#include "agent/core/modules.h"
#include "agent/core/unwind-cache.h"

/*
 * Sees to it that the rule for a key is in the cache and its module known to be in its place. False if
 * there is none, or no module. A module's pc has to be on the caller's stack.
 */
bool unwind_learn(uint64_t key, uint64_t epoch);

/* The epoch of the trace; what was found out in older ones about code without a module is forgotten. */
static _always_inline_ uint64_t unwind_enter_epoch(void)
{
	uint64_t epoch;

	if (unlikely(modules_changed()))
		modules_refresh();
	epoch = modules_epoch();
	cache_enter_epoch(epoch);
	return epoch;
}

#endif
