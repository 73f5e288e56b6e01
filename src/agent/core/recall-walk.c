/* SPDX-License-Identifier: MIT */
/*
 * recall-walk.c: rules are copied from the cache that all threads share, once an epoch.
 *
 * The copies are a thread's own, so that using one takes one comparison and no ordering of loads. One
 * that is written while a handler leaves by longjmp has no frame yet, and is learnt again.
 *
 * Context: the thread that they belong to, inside malloc, not in handlers that interrupted it here.
 */
#include "agent/core/recall-walk.h"

#include "agent/core/unwind-epoch.h"

_noinline_ bool recall_walk_learn(uint64_t key, uint64_t epoch, struct recall_rule *ret)
{
	const struct cache *cache;
	struct rule rule;

	if (!unwind_learn(key, epoch))
		return false;
	/* acquire pairs with the release in unwind-cache.c */
	cache = __atomic_load_n(&unwind_cache, __ATOMIC_ACQUIRE);
	if (!cache || !cache_find(cache, key, &rule) || !modules_is_current(rule.module, epoch))
		return false;
	if (rule.kind != RULE_SP && rule.kind != RULE_FP && rule.kind != RULE_END)
		return false;
	ret->frame = 0;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	ret->cfa = rule.cfa;
	ret->saved = rule.saved;
	ret->kind = rule.kind;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	ret->frame = key | (uint64_t)rule.module << 48;
	return true;
}
