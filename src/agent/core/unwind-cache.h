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
	RULE_NONE, /* not known */
	RULE_SP,   /* CFA = sp + cfa */
	RULE_FP,   /* CFA = fp + cfa */
	RULE_DRAP, /* CFA = *(fp + cfa), fp = *(fp + saved): a function that realigned the stack */
	RULE_END,  /* the outermost frame */
	RULE_FRAME_POINTER, /* no tables: fp points at the caller's fp and the return address */
	RULE_SIGNAL,        /* no tables: sp points at a ucontext */
	RULE_COMPLEX,       /* ask the tables again, with all registers */
};

/* The return address is at unwind_ra_place() in kinds SP, FP and DRAP. */
struct rule {
	int32_t cfa; /* bytes */
	int16_t saved; /* where fp is saved: words from the CFA, 0 if it was not; DRAP: words from fp */
	uint16_t module;
	uint8_t kind; /* enum rule_kind */
};

/*
 * Both words have the upper 40 bits of the same product of the key in common, which together with the
 * bucket's number determine the key. Below them:
 *   first:  20 bits cfa in words, 4 bits kind
 *   second: 10 bits saved, 14 bits module
 */
struct cache_entry {
	uint64_t first, second;
};

enum {
	CACHE_WAYS = 4,
	CACHE_BITS_SMALL = 8,
	CACHE_BITS_MIDDLE = 10,
	CACHE_BITS_LARGE = 13,
	CACHE_PAYLOAD = 24,
	CACHE_MODULES = 1 << 14,
};

/* One cache line. */
struct cache_bucket {
	struct cache_entry entries[CACHE_WAYS];
} __attribute__((aligned(64)));

struct cache {
	uint32_t bits; /* log2 of the number of buckets */
	uint32_t evictions;
	struct cache_bucket buckets[];
};

extern _hidden_ struct cache
	*unwind_cache; /* NULL until the first rule is put, or without memory */

/* A bijection of the 48 bits of a key into the upper 48 bits. */
static _always_inline_ uint64_t cache_hash(uint64_t key)
{
	return key * (0x9e3779b97f4bull << 16);
}

/* Finds the rule for key; false if it is not there. Pairs with cache_put. */
static _always_inline_ bool cache_find(const struct cache *cache, uint64_t key, struct rule *ret)
{
	uint64_t hash = cache_hash(key), tag = hash << CACHE_BITS_SMALL;
	const struct cache_bucket *bucket = &cache->buckets[hash >> (64 - cache->bits)];

	for (unsigned i = 0; i < CACHE_WAYS; i++) {
		const struct cache_entry *entry = &bucket->entries[i];
		uint64_t first = __atomic_load_n(&entry->first, __ATOMIC_ACQUIRE);
		uint64_t second = __atomic_load_n(&entry->second, __ATOMIC_ACQUIRE);

		if (((first ^ tag) | (second ^ tag)) >> CACHE_PAYLOAD)
			continue;
		/* the second word was stored between two states of the first, if at all */
		if (unlikely(__atomic_load_n(&entry->first, __ATOMIC_RELAXED) != first))
			continue;
		ret->cfa = ((int32_t)((uint32_t)first << 8) >> 12) * 8;
		ret->kind = first & 0xf;
		ret->saved = (int16_t)((int32_t)((uint32_t)second << 8) >> 22);
		ret->module = (uint16_t)(second & (CACHE_MODULES - 1));
		return ret->kind != RULE_NONE;
	}
	return false;
}

/* Stores what was found for key. May do nothing. */
void cache_put(uint64_t key, const struct rule *rule);

/* Forgets the pcs that belonged to no module, if any were stored before this epoch. */
void cache_enter_epoch(uint64_t epoch);

uint64_t cache_own_bytes(void);

#endif
