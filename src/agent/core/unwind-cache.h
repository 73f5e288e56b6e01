/* SPDX-License-Identifier: MIT */
/*
 * unwind-cache.h: the table from pc to rule.
 *
 * A rule is the short form of what .eh_frame says about a pc, good for nearly every frame of compiled
 * code. Keys are pcs as they stand in frames: return addresses, or one more than an interrupted pc.
 */
#ifndef AGENT_CORE_UNWIND_CACHE_H
#define AGENT_CORE_UNWIND_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macro.h"

enum rule_kind {
	RULE_COMPLEX, /* ask the tables again, with all registers */
	RULE_SP,      /* CFA = sp + cfa */
	RULE_FP,      /* CFA = fp + cfa */
	RULE_DRAP, /* CFA = *(fp + cfa), fp = *(fp + saved): a function that realigned the stack */
	RULE_END,  /* the outermost frame */
	RULE_FRAME_POINTER, /* no tables: fp points at the caller's fp and the return address */
	RULE_SIGNAL,        /* no tables: sp points at a ucontext */
	RULE_NONE,          /* only as an answer: the pc is not known */
};

/* The return address is at CFA + UNWIND_RA_OFFSET in kinds SP, FP and DRAP. */
struct rule {
	int32_t cfa;   /* bytes */
	int16_t saved; /* of fp, in words from CFA; 0: it was not saved. DRAP: words from fp */
	uint8_t kind;  /* enum rule_kind */
	uint8_t is_set;
};
assert_size(struct rule, 8);

struct cache_entry {
	uint64_t rule;   /* pc << 16 | number of the rule */
	uint64_t module; /* pc << 16 | index of the module */
};

enum { CACHE_WAYS = 4, RULES_MAX = 4096 };

/* One cache line. */
struct cache_bucket {
	struct cache_entry entries[CACHE_WAYS];
} __attribute__((aligned(64)));

struct cache {
	uint32_t shift; /* 64 - log2 of the number of buckets */
	uint32_t evictions;
	struct cache_bucket buckets[];
};

extern _hidden_ struct cache
	*unwind_cache; /* NULL until the first rule is put, or without memory */
extern _hidden_ struct rule unwind_rules[RULES_MAX];

/* Returns the rule for key and its module; kind RULE_NONE if it is not there. */
static _always_inline_ struct rule cache_find(const struct cache *cache, uint64_t key,
					      uint32_t *ret_module)
{
	const struct rule none = {.kind = RULE_NONE};
	const struct cache_bucket *bucket;

	if (unlikely(!cache))
		return none;
	bucket = &cache->buckets[(key * 0x9e3779b97f4a7c15ull) >> cache->shift];
	for (unsigned i = 0; i < CACHE_WAYS; i++) {
		/* acquire: pairs with the release in cache_put; the rule was stored before its number */
		uint64_t rule = __atomic_load_n(&bucket->entries[i].rule, __ATOMIC_ACQUIRE);
		uint64_t module = __atomic_load_n(&bucket->entries[i].module, __ATOMIC_RELAXED);

		if (rule >> 16 == key && module >> 16 == key) {
			*ret_module = (uint16_t)module;
			return unwind_rules[(uint16_t)rule % RULES_MAX];
		}
	}
	return none;
}

/* Stores what was found for key. May do nothing. */
void cache_put(uint64_t key, struct rule rule, uint32_t module);

/* Forgets the pcs that belonged to no module, if any were stored before this epoch. */
void cache_enter_epoch(uint64_t epoch);

uint64_t cache_own_bytes(void);

#endif
