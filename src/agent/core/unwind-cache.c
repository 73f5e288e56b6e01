/* SPDX-License-Identifier: MIT */
/*
 * unwind-cache.c: filling the table from pc to rule.
 *
 * Context: any thread, inside malloc, signal handlers.
 *
 * An entry is two words, and each carries the pc: whoever reads both checks both, so writers need no
 * lock. A writer empties the first word, stores the second, then the first. So a reader that finds the
 * first word unchanged after it read the second has two words of one write, or of two writes of the same
 * pc: those wrote the same, because the module that a pc is in cannot be replaced while a thread that
 * is about to store a rule for it has it on its stack. Writers of different pcs that meet leave two
 * words that fit neither.
 *
 * What does not fit the bits of an entry is stored as RULE_COMPLEX, which is always right.
 *
 * The table begins small, since its entries are spread over all of its pages, and is replaced by a larger
 * one, twice at most, if too many entries had to make room for others. The old one is left to its readers.
 */
#include "agent/core/unwind-cache.h"

#include "agent/core/sys.h"

_hidden_ struct cache *unwind_cache;

static uint64_t own_bytes;
static uint64_t outside_epoch;
static uint32_t has_outside;

static size_t cache_size(unsigned bits)
{
	return sizeof(struct cache) + (sizeof(struct cache_bucket) << bits);
}

/* Puts a table of that size in the place of old. Returns the one that is in force. */
static struct cache *replace(struct cache *old, unsigned bits)
{
	struct cache *cache = sys_map_private(cache_size(bits));

	if (!cache)
		return old;
	cache->bits = bits;
	/* pairs with the loads of unwind_cache */
	if (__atomic_compare_exchange_n(&unwind_cache, &old, cache, false, __ATOMIC_RELEASE,
					__ATOMIC_ACQUIRE)) {
		__atomic_fetch_add(&own_bytes, cache_size(bits), __ATOMIC_RELAXED);
		return cache;
	}
	sys_unmap(cache, cache_size(bits));
	return old;
}

static void pack(const struct rule *rule, uint64_t *ret_first, uint64_t *ret_second)
{
	int32_t cfa = rule->cfa / 8;
	int16_t saved = rule->saved;
	uint8_t kind = rule->kind;

	if (rule->cfa % 8 || cfa < -(1 << 19) || cfa >= 1 << 19 || saved < -(1 << 9) ||
	    saved >= 1 << 9) {
		cfa = saved = 0;
		kind = RULE_COMPLEX;
	}
	*ret_first = ((uint32_t)cfa & 0xfffff) << 4 | kind;
	*ret_second = ((uint32_t)saved & 0x3ff) << 14 | rule->module;
}

/* The entry to be written: that of key, or an empty one, or one that has to make room. */
static struct cache_entry *choose(struct cache *cache, uint64_t hash)
{
	struct cache_bucket *bucket = &cache->buckets[hash >> (64 - cache->bits)];
	uint64_t tag = hash << CACHE_BITS_SMALL;
	uint32_t n;

	for (unsigned i = 0; i < CACHE_WAYS; i++) {
		uint64_t first = __atomic_load_n(&bucket->entries[i].first, __ATOMIC_RELAXED);

		if (first == 0 || (first ^ tag) >> CACHE_PAYLOAD == 0)
			return &bucket->entries[i];
	}
	n = __atomic_add_fetch(&cache->evictions, 1, __ATOMIC_RELAXED);
	if (n == 1u << cache->bits && cache->bits < CACHE_BITS_LARGE)
		replace(cache,
			cache->bits == CACHE_BITS_SMALL ? CACHE_BITS_MIDDLE : CACHE_BITS_LARGE);
	return &bucket->entries[n % CACHE_WAYS];
}

void cache_put(uint64_t key, const struct rule *rule)
{
	struct cache *cache = __atomic_load_n(&unwind_cache, __ATOMIC_ACQUIRE);
	uint64_t hash = cache_hash(key), tag = hash << CACHE_BITS_SMALL, first, second;
	struct cache_entry *entry;

	if (!cache)
		cache = replace(NULL, CACHE_BITS_SMALL);
	if (!cache || rule->module >= CACHE_MODULES)
		return;
	if (rule->module == 0)
		__atomic_store_n(&has_outside, 1, __ATOMIC_RELAXED);
	pack(rule, &first, &second);
	entry = choose(cache, hash);
	/* pairs with cache_find, which reads in the opposite order */
	__atomic_store_n(&entry->first, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&entry->second, tag | second, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->first, tag | first, __ATOMIC_RELEASE);
}

void cache_enter_epoch(uint64_t epoch)
{
	struct cache *cache = __atomic_load_n(&unwind_cache, __ATOMIC_ACQUIRE);

	if (likely(__atomic_load_n(&outside_epoch, __ATOMIC_RELAXED) == epoch))
		return;
	__atomic_store_n(&outside_epoch, epoch, __ATOMIC_RELAXED);
	if (!cache || !__atomic_exchange_n(&has_outside, 0, __ATOMIC_RELAXED))
		return;
	for (uint64_t i = 0; i < 1ull << cache->bits; i++)
		for (unsigned way = 0; way < CACHE_WAYS; way++) {
			struct cache_entry *entry = &cache->buckets[i].entries[way];

			if (!(__atomic_load_n(&entry->second, __ATOMIC_RELAXED) &
			      (CACHE_MODULES - 1)))
				__atomic_store_n(&entry->first, 0, __ATOMIC_RELAXED);
		}
}

uint64_t cache_own_bytes(void)
{
	return __atomic_load_n(&own_bytes, __ATOMIC_RELAXED);
}
