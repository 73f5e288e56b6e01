/* SPDX-License-Identifier: MIT */
/*
 * unwind-cache.c: filling the table from pc to rule.
 *
 * Context: any thread, inside malloc, signal handlers.
 *
 * An entry is two words, and each carries the pc: whoever reads both checks both, so writers need no
 * lock. Two writers of one pc may leave a word of each: they found the same, because the module that pc
 * is in cannot be replaced while either of them has it on its stack. Two writers of different pcs leave
 * an entry that fits neither.
 *
 * Rules are few, a few hundred in a large program, and live in a table of their own, where each value
 * has one place that never changes. If that is full, the entry says RULE_COMPLEX, which is always right.
 *
 * The table of pcs begins small and is replaced by a larger one, once, if too many entries had to make
 * room for others. The old one is left to its readers.
 */
#include "agent/core/unwind-cache.h"

#include "agent/core/sys.h"

enum { BITS_SMALL = 10, BITS_LARGE = 13, RULE_PROBES = 16 };

_hidden_ struct cache *unwind_cache;
/* number 0 is RULE_COMPLEX, the rule of zeros */
_hidden_ struct rule unwind_rules[RULES_MAX];

static uint64_t own_bytes;
static uint64_t outside_epoch;
static uint32_t has_outside;

static uint64_t rule_bits(struct rule rule)
{
	uint64_t bits;

	__builtin_memcpy(&bits, &rule, sizeof(bits));
	return bits;
}

/* The number of the rule; 0, that of RULE_COMPLEX, if there is no room. */
static uint32_t number_of(struct rule rule)
{
	uint64_t wanted, hash;

	if (rule.kind == RULE_COMPLEX)
		return 0;
	rule.is_set = 1;
	wanted = rule_bits(rule);
	hash = (wanted * 0x9e3779b97f4a7c15ull) >> 40;
	for (unsigned i = 0; i < RULE_PROBES; i++) {
		uint32_t number = (uint32_t)((hash + i) % RULES_MAX);
		uint64_t *place = (uint64_t *)&unwind_rules[number], there = 0;

		if (number == 0)
			continue;
		if (__atomic_compare_exchange_n(place, &there, wanted, false, __ATOMIC_RELEASE,
						__ATOMIC_ACQUIRE) ||
		    there == wanted)
			return number;
	}
	return 0;
}

static struct cache *new_cache(unsigned bits)
{
	size_t size = sizeof(struct cache) + sizeof(struct cache_bucket) +
		      (sizeof(struct cache_bucket) << bits);
	struct cache *cache = sys_map_private(size);

	if (!cache)
		return NULL;
	cache->shift = 64 - bits;
	__atomic_fetch_add(&own_bytes, size, __ATOMIC_RELAXED);
	return cache;
}

/* Puts a table of that size in the place of old. Returns the one that is in force. */
static struct cache *replace(struct cache *old, unsigned bits)
{
	struct cache *cache = new_cache(bits);

	if (!cache)
		return old;
	if (__atomic_compare_exchange_n(&unwind_cache, &old, cache, false, __ATOMIC_RELEASE,
					__ATOMIC_ACQUIRE))
		return cache;
	sys_unmap(cache, sizeof(struct cache) + sizeof(struct cache_bucket) +
				 (sizeof(struct cache_bucket) << bits));
	return old;
}

void cache_put(uint64_t key, struct rule rule, uint32_t module)
{
	struct cache *cache = __atomic_load_n(&unwind_cache, __ATOMIC_ACQUIRE);
	uint64_t number = number_of(rule);
	struct cache_bucket *bucket;
	unsigned victim;

	if (!cache)
		cache = replace(NULL, BITS_SMALL);
	if (!cache)
		return;
	if (module == 0)
		__atomic_store_n(&has_outside, 1, __ATOMIC_RELAXED);
	bucket = &cache->buckets[(key * 0x9e3779b97f4a7c15ull) >> cache->shift];
	for (victim = 0; victim < CACHE_WAYS; victim++) {
		uint64_t word = __atomic_load_n(&bucket->entries[victim].rule, __ATOMIC_RELAXED);

		if (word == 0 || word >> 16 == key)
			break;
	}
	if (victim == CACHE_WAYS) {
		uint32_t n = __atomic_add_fetch(&cache->evictions, 1, __ATOMIC_RELAXED);

		victim = n % CACHE_WAYS;
		if (cache->shift == 64 - BITS_SMALL && n == 1u << BITS_SMALL)
			replace(cache, BITS_LARGE);
	}
	__atomic_store_n(&bucket->entries[victim].module, key << 16 | module, __ATOMIC_RELAXED);
	/* pairs with the load in cache_find */
	__atomic_store_n(&bucket->entries[victim].rule, key << 16 | number, __ATOMIC_RELEASE);
}

void cache_enter_epoch(uint64_t epoch)
{
	struct cache *cache = __atomic_load_n(&unwind_cache, __ATOMIC_ACQUIRE);

	if (likely(__atomic_load_n(&outside_epoch, __ATOMIC_RELAXED) == epoch))
		return;
	__atomic_store_n(&outside_epoch, epoch, __ATOMIC_RELAXED);
	if (!cache || !__atomic_exchange_n(&has_outside, 0, __ATOMIC_RELAXED))
		return;
	for (uint64_t i = 0; i < 1ull << (64 - cache->shift); i++)
		for (unsigned way = 0; way < CACHE_WAYS; way++) {
			struct cache_entry *entry = &cache->buckets[i].entries[way];

			if ((__atomic_load_n(&entry->module, __ATOMIC_RELAXED) & 0xffff) == 0)
				__atomic_store_n(&entry->module, 0, __ATOMIC_RELAXED);
		}
}

uint64_t cache_own_bytes(void)
{
	return __atomic_load_n(&own_bytes, __ATOMIC_RELAXED);
}
