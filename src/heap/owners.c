/* SPDX-License-Identifier: MIT */
/*
 * owners.c: chains of caches by a hash of their owner's thread pointer, and a list of those without one.
 *
 * Caches are never given back but used again. All under one lock, which a thread takes at its beginning and at
 * its end.
 */
#include "heap/owners.h"

#include "heap/fork.h"
#include "heap/meta.h"
#include "heap/os.h"

static struct {
	struct lock lock;
	struct threadcache *vacant;
	struct threadcache *owned[256];
	uint32_t n_owned;
} registry;

_Static_assert(sizeof(struct threadcache) <= META_MAX, "a cache is a piece of metadata");

struct threadcache *owners_newest(void)
{
	/* pairs with the release in adopt */
	return (struct threadcache *)__atomic_load_n(&heap_published.caches, __ATOMIC_ACQUIRE);
}

static struct threadcache **chain_of(uintptr_t owner)
{
	return &registry.owned[((owner >> 6) * 0x9e3779b97f4a7c15ull) >> 56];
}

static void register_owner(struct threadcache *cache, uintptr_t owner)
{
	struct threadcache **chain = chain_of(owner);

	__atomic_store_n(&registry.n_owned, registry.n_owned + 1, __ATOMIC_RELAXED);
	cache->owner = owner;
	cache->link = *chain;
	*chain = cache;
}

static void unregister_owner(struct threadcache *cache)
{
	struct threadcache **link = chain_of(cache->owner);

	while (*link && *link != cache)
		link = &(*link)->link;
	if (*link)
		*link = cache->link;
	__atomic_store_n(&registry.n_owned, registry.n_owned - 1, __ATOMIC_RELAXED);
	cache->owner = 0;
	cache->link = registry.vacant;
	registry.vacant = cache;
}

static struct threadcache *new_cache(void)
{
	struct threadcache *cache = meta_alloc(sizeof(*cache));

	if (!cache)
		return NULL;
	/* written to before it is read: a page that showed zeros is exchanged, and all processors are interrupted for it */
	cache->countdown = 0;
	cache->picks_next[PICKS_WIDE - 1][SPAN_BITMAP_WORDS - 2] = 0;
	cache->next = owners_newest();
	if (cache->next)
		fork_watch();
	__atomic_store_n(&heap_published.caches, (uintptr_t)cache, __ATOMIC_RELEASE);
	return cache;
}

/*
 * A cache for the calling thread. One that says to be its own was left behind by a thread that had the
 * same memory for its stack and vanished without a word, or allocated behind its end.
 */
struct threadcache *owners_adopt(void)
{
	const uintptr_t self = os_thread_pointer();
	struct threadcache *cache;

	lock_take(&registry.lock);
	for (cache = *chain_of(self); cache && cache->owner != self; cache = cache->link)
		;
	if (!cache) {
		cache = registry.vacant;
		if (cache)
			registry.vacant = cache->link;
		else
			cache = new_cache();
		if (cache)
			register_owner(cache, self);
	}
	lock_drop(&registry.lock);
	return cache;
}

void owners_release(struct threadcache *cache)
{
	/* its next owner may run as soon as it is seen to be free */
	lock_take(&registry.lock);
	unregister_owner(cache);
	lock_drop(&registry.lock);
}

uint32_t owners_count(void)
{
	return MAX(__atomic_load_n(&registry.n_owned, __ATOMIC_RELAXED), 1);
}

void owners_reset(void)
{
	/* the chains may have been copied in the middle of a change */
	registry.vacant = NULL;
	registry.n_owned = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(registry.owned); i++)
		registry.owned[i] = NULL;
}

void owners_enter(struct threadcache *cache, bool is_own)
{
	if (is_own) {
		register_owner(cache, os_thread_pointer());
		return;
	}
	cache->link = registry.vacant;
	registry.vacant = cache;
}

struct lock *owners_lock(void)
{
	return &registry.lock;
}
