/* SPDX-License-Identifier: MIT */
/*
 * ring.h: both ends of the event ring, in one place so that they cannot drift apart.
 *
 * Many writers (threads and signal handlers of the target), any number of readers, nobody waits. A
 * writer owns the sequence number that it fetched; if it is overtaken by a whole turn of the ring while
 * it writes, two writers share an entry and the entry's seq ends as one of theirs with fields of both:
 * the capacity (thousands) makes that a thread stopped in ten instructions for a whole turn, and events
 * are advisory. Freestanding: used by the agent and by the tool.
 */
#ifndef REGION_RING_H
#define REGION_RING_H

#include "base/macro.h"
#include "region/abi.h"

/*
 * Puts one event; seq is filled in here. n_events is &header->n_events, capacity a power of two: writers
 * have no time for a division. Wait free.
 */
/* NOLINTNEXTLINE(readability-non-const-parameter): written through an atomic builtin */
static inline void ring_put(struct mt_event *ring, uint32_t capacity, uint64_t *n_events,
			    const struct mt_event *event)
{
	uint64_t seq = __atomic_fetch_add(n_events, 1, __ATOMIC_RELAXED);
	struct mt_event *slot = &ring[seq & (capacity - 1)];

	__atomic_store_n(&slot->seq, 0, __ATOMIC_RELAXED);
	/* pairs with the fence in ring_get: a reader that sees new fields sees seq 0 or newer */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&slot->time_ns, event->time_ns, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->addr, event->addr, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->size, event->size, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->aux, event->aux, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->site, event->site, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->type, event->type, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->thread, event->thread, __ATOMIC_RELAXED);
	/* pairs with the acquire load in ring_get */
	__atomic_store_n(&slot->seq, seq + 1, __ATOMIC_RELEASE);
}

/*
 * Copies the event with sequence seq. Returns 1 if it was there, 0 if it is overwritten, not yet
 * written, or torn.
 */
static inline int ring_get(const struct mt_event *ring, uint32_t capacity, uint64_t seq,
			   struct mt_event *ret)
{
	const struct mt_event *slot = &ring[seq % capacity];
	struct mt_event event;

	/* pairs with the release store in ring_put */
	event.seq = __atomic_load_n(&slot->seq, __ATOMIC_ACQUIRE);
	if (event.seq != seq + 1)
		return 0;
	event.time_ns = __atomic_load_n(&slot->time_ns, __ATOMIC_RELAXED);
	event.addr = __atomic_load_n(&slot->addr, __ATOMIC_RELAXED);
	event.size = __atomic_load_n(&slot->size, __ATOMIC_RELAXED);
	event.aux = __atomic_load_n(&slot->aux, __ATOMIC_RELAXED);
	event.site = __atomic_load_n(&slot->site, __ATOMIC_RELAXED);
	event.type = __atomic_load_n(&slot->type, __ATOMIC_RELAXED);
	event.thread = __atomic_load_n(&slot->thread, __ATOMIC_RELAXED);
	/* pairs with the fence in ring_put */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (__atomic_load_n(&slot->seq, __ATOMIC_RELAXED) != seq + 1)
		return 0;
	*ret = event;
	return 1;
}

#endif
