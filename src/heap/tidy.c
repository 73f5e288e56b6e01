/* SPDX-License-Identifier: MIT */
/*
 * tidy.c: what is due now and then.
 *
 * A thread empties its own lists once in THREAD_NS: what it uses comes back with a few batches, at a cost
 * that does not count at this rate, and what it does not use any more can go on. One thread, whoever comes
 * by first when HEAP_NS are over, goes through the central lists, where blocks that were free all the
 * time are told from those that come and go, and through the page heap.
 *
 * So memory that is freed at once, and not needed again, is given back after two visits.
 */
#include "heap/tidy.h"

#include "heap/central.h"
#include "heap/os.h"
#include "heap/pageheap.h"
#include "heap/threadcache.h"

#define THREAD_NS 500000000ull
#define HEAP_NS   400000000ull

static uint64_t heap_next_ns;

static void visit_heap(uint64_t now)
{
	uint64_t next = __atomic_load_n(&heap_next_ns, __ATOMIC_RELAXED);

	if (now < next || !__atomic_compare_exchange_n(&heap_next_ns, &next, now + HEAP_NS, false,
						       __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;
	for (unsigned class = 1; class < SIZECLASS_IDS; class ++)
		if (sizeclass_exists(class))
			central_age(class);
	pageheap_age();
}

void tidy_visit(struct threadcache *cache)
{
	const uint64_t now = os_now_ns();

	if (now >= cache->tidy_ns) {
		cache->tidy_ns = now + THREAD_NS;
		threadcache_flush(cache);
	}
	visit_heap(now);
}
