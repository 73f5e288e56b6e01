/* SPDX-License-Identifier: MIT */
/*
 * stats.c: totals, from what the tiers keep anyway. Nothing is counted on fast paths: what a class has
 * in use is what its spans hold, less what is free in them, in batches and in thread caches. Lengths of
 * other threads' lists are read without their knowledge, so that totals are exact when those threads do
 * not allocate, and near otherwise.
 */
#include "heap/central.h"
#include "heap/heap.h"
#include "heap/meta.h"
#include "heap/pageheap.h"
#include "heap/tagged.h"
#include "heap/threadcache.h"

__attribute__((no_sanitize("thread"))) static uint64_t cached_blocks(unsigned class)
{
	uint64_t n = 0;

	for (struct threadcache *cache = (struct threadcache *)__atomic_load_n(
		     &heap_published.caches, __ATOMIC_ACQUIRE);
	     cache; cache = cache->next) {
		/* a copy: it changes meanwhile */
		struct threadcache_bin bin;

		if (sizeclass_is_tagged(class)) {
			n += tagged_count(cache, sizeclass_plain(class));
			continue;
		}
		bin = *(const volatile struct threadcache_bin *)&cache->bins[class];
		n += threadcache_count(&bin);
	}
	return n;
}

/* Pages that threads keep: free, and counted as used by the page heap. */
__attribute__((no_sanitize("thread"))) static size_t kept_pages(void)
{
	size_t n = 0;

	for (struct threadcache *cache = (struct threadcache *)__atomic_load_n(
		     &heap_published.caches, __ATOMIC_ACQUIRE);
	     cache; cache = cache->next) {
		const uint32_t kept = __atomic_load_n(&cache->kept, __ATOMIC_RELAXED);

		n += kept ? __atomic_load_n(&span_at(kept)->n_pages, __ATOMIC_RELAXED) : 0;
	}
	return n;
}

void heap_get_stats(struct heap_stats *ret)
{
	struct pageheap_stats pages;
	struct heap_stats stats = {0};
	size_t small_bytes = 0, n_kept;

	for (unsigned class = 1; class < SIZECLASS_IDS; class ++) {
		const struct sizeclass *sizeclass;
		struct central central;
		uint64_t n_cached;

		if (!sizeclass_exists(class))
			continue;
		sizeclass = sizeclass_get(class);
		central = central_copy(class);
		n_cached = central.n_free + (uint64_t)central.n_batches * sizeclass->batch;
		n_cached += cached_blocks(class);
		n_cached = MIN(n_cached, central.n_blocks);
		stats.cached_bytes += n_cached * sizeclass->size;
		stats.in_use_bytes += (central.n_blocks - n_cached) * sizeclass->size;
		small_bytes += central.n_spans * ((size_t)sizeclass->n_pages << HEAP_PAGE_SHIFT);
	}
	pageheap_get_stats(&pages);
	n_kept = MIN(kept_pages(), pages.used);
	pages.used -= n_kept;
	pages.dirty += n_kept;
	stats.free_bytes = pages.dirty << HEAP_PAGE_SHIFT;
	stats.returned_bytes = pages.clean << HEAP_PAGE_SHIFT;
	stats.in_use_bytes +=
		(pages.used << HEAP_PAGE_SHIFT) - MIN(small_bytes, pages.used << HEAP_PAGE_SHIFT);
	stats.n_mmapped = __atomic_load_n(&heap_published.n_huge, __ATOMIC_RELAXED);
	stats.mmapped_bytes = __atomic_load_n(&heap_published.huge_bytes, __ATOMIC_RELAXED);
	stats.in_use_bytes += stats.mmapped_bytes;
	stats.resident_bytes =
		((pages.used + pages.dirty) << HEAP_PAGE_SHIFT) + stats.mmapped_bytes;
	stats.mapped_bytes = stats.resident_bytes + stats.returned_bytes;
	stats.metadata_bytes =
		__atomic_load_n(&heap_published.n_spans, __ATOMIC_RELAXED) * sizeof(struct span) +
		(__atomic_load_n(&heap_published.used, __ATOMIC_RELAXED) >> HEAP_PAGE_SHIFT) *
			(1 + sizeof(uint32_t)) +
		meta_used() + sizeof(central_table);
	*ret = stats;
}
