/* SPDX-License-Identifier: MIT */
/*
 * sample.c: the countdown and the two reports.
 *
 * A countdown is used up in parts, so that a thread comes by for tidy_visit although no report is due. Where reports
 * are frequent, or all is reported, it comes by with one of them.
 *
 * While a hook runs the cache is not busy and no lock is held. The tag is taken away before the
 * report, so that a second free of the block does not make another one. It takes no exchange: two threads
 * that free one block at once may both report it, and hooks have to tell that anyway.
 */
#include "heap/sample.h"

#include "heap/hooks.h"
#include "heap/tagged.h"
#include "heap/tidy.h"

/* Who allocates blocks of this size comes by for tidy_visit once in so many, not once in TIDY_BYTES. */
#define LARGE        65536ul
#define LARGE_BLOCKS 256ul

bool sample_count(struct threadcache *cache, size_t size)
{
	const int64_t countdown = __atomic_load_n(&cache->countdown, __ATOMIC_RELAXED);
	const struct heap_hooks *hooks;

	if (likely(countdown > 0 && size < (uint64_t)countdown)) {
		__atomic_store_n(&cache->countdown, countdown - (int64_t)size, __ATOMIC_RELAXED);
		return false;
	}
	if (cache->rest) {
		/* large blocks come here each time */
		if (size < TIDY_BYTES / 2 || ++cache->n_slow % 8 == 0)
			tidy_visit(cache);
		if (cache->rest > 0 && size < (uint64_t)countdown + (uint64_t)cache->rest) {
			threadcache_set_countdown_by(
				cache, countdown + cache->rest - (int64_t)size,
				(int64_t)MAX(TIDY_BYTES, MIN(size, LARGE) * LARGE_BLOCKS));
			return false;
		}
	}
	cache->sampled_bytes += size;
	if (unlikely(cache->sampled_bytes >= TIDY_BYTES)) {
		cache->sampled_bytes = 0;
		tidy_visit(cache);
	}
	hooks = hooks_get();
	if (hooks && hooks->allocated)
		return true;
	threadcache_set_countdown(cache, INT64_MAX);
	return false;
}

void sample_allocated(struct threadcache *cache, void *block, size_t size, uint32_t *tag)
{
	const struct heap_hooks *hooks = hooks_get();
	int64_t next = INT64_MAX;

	if (!hooks || !hooks->allocated)
		return;
	threadcache_leave(cache);
	__atomic_store_n(tag, hooks->allocated(block, size, &next), __ATOMIC_RELAXED);
	tagged_settle(cache, next);
	cache->busy = 1;
	threadcache_set_countdown(cache, MAX(next, 0));
}

void sample_freed(const void *block, uint32_t *tag)
{
	const uint32_t old = __atomic_load_n(tag, __ATOMIC_RELAXED);
	const struct heap_hooks *hooks;

	if (!old)
		return;
	if (unlikely(old == TAGGED_FREE))
		hooks_corruption(HEAP_ERROR_DOUBLE_FREE, block);
	__atomic_store_n(tag, 0, __ATOMIC_RELAXED);
	hooks = hooks_get();
	if (hooks && hooks->freed)
		hooks->freed((void *)block, old);
}
