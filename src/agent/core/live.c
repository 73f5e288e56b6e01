/* SPDX-License-Identifier: MIT */
/*
 * live.c: slots, their mirror, and the list of free ones.
 *
 * A mirror entry is 32 bytes, aligned, so that it is on one cache line and on one page: a fork never
 * copies half of one. addr is stored last when a slot is filled and cleared first when it is freed. The
 * time is kept in steps of 4.2 ms (the coarse clock has no finer one), the thread in 16 bits.
 *
 * Free slots. A thread keeps up to THREAD_SLOTS at hand. They come from, and go to, a common stack of
 * chains: chain heads are linked through `size`, the slots of a chain through `site`; the head of the
 * stack carries a count against ABA,
 *
 *	| count | first slot of the newest chain |
 *
 * Taking or giving a whole chain is one compare-and-swap. Fields of a slot that another thread took
 * meanwhile may be read, and are then thrown away with the failed swap. Never used slots are taken from a
 * counter, a few at a time, so that the tables stay dense: what is resident is what was in use at once.
 *
 * live_remove clears addr if it is the block's, so that a program that frees twice frees one slot. It does so
 * without an exchange, which would wait for the entry's cache line when all else could go on: a program that
 * frees a block twice in the same nanoseconds has broken its allocator, too. Two blocks may then come to
 * have one slot; the end of the first of them is counted as lost.
 *
 * Context: any thread, inside malloc, signal handlers. No locks.
 */
#include "agent/core/live.h"

#include "agent/core/sys.h"
#include "agent/core/writer.h"

enum {
	LIVE_FRESH = 16, /* never used slots taken at once */
	LIVE_GIVE = 16,  /* slots given back at once */
	LIVE_FORK_MARGIN =
		4096, /* slots that may be in use beyond the child's copy of the counter */
};

struct live_state live_state;
static uint64_t live_free; /* see above */
static uint32_t live_used; /* slots ever taken from the counter, from 1 on */

int live_init(uint64_t start_ns)
{
	if (!live_state.mirror)
		live_state.mirror =
			sys_map_private((size_t)writer.live_capacity * sizeof(struct live_mirror));
	if (!live_state.mirror)
		return -SYS_ENOMEM;
	live_state.start_ns = start_ns;
	live_used = 1;
	return 0;
}

/* Pops a chain; returns its first slot or 0. */
static uint32_t live_pop(void)
{
	uint64_t head = __atomic_load_n(&live_free, __ATOMIC_ACQUIRE), next;

	do {
		if ((uint32_t)head == 0)
			return 0;
		next = __atomic_load_n(&live_state.mirror[(uint32_t)head].size, __ATOMIC_RELAXED);
		next = ((head >> 32) + 1) << 32 | (uint32_t)next;
		/* acquire pairs with the release in live_push */
	} while (!__atomic_compare_exchange_n(&live_free, &head, next, true, __ATOMIC_ACQUIRE,
					      __ATOMIC_ACQUIRE));
	return (uint32_t)head;
}

/* Pushes a chain that ends in 0. */
static void live_push(uint32_t first)
{
	uint64_t head = __atomic_load_n(&live_free, __ATOMIC_RELAXED);

	do {
		__atomic_store_n(&live_state.mirror[first].size, (uint32_t)head, __ATOMIC_RELAXED);
		/* release pairs with the acquire in live_pop: the links are written */
	} while (!__atomic_compare_exchange_n(&live_free, &head, ((head >> 32) + 1) << 32 | first,
					      true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

/* Up to n slots that were never used; returns how many, the first in ret_first. */
static uint32_t live_take_fresh(uint32_t n, uint32_t *ret_first)
{
	uint32_t first = __atomic_load_n(&live_used, __ATOMIC_RELAXED);

	do {
		if (first >= writer.live_capacity)
			return 0;
		n = MIN(n, writer.live_capacity - first);
		if (!writer_make_ready(WRITER_LIVE, first + n))
			return 0;
	} while (!__atomic_compare_exchange_n(&live_used, &first, first + n, true, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	writer_raise32(&writer.header->n_live, first + n);
	*ret_first = first;
	return n;
}

static _noinline_ bool live_refill(struct thread *thread)
{
	uint32_t slot = live_pop(), n, first;

	for (; slot && thread->n_slots < THREAD_SLOTS; slot = live_state.mirror[slot].site)
		thread->slots[thread->n_slots++] = slot;
	if (thread->n_slots > 0)
		return true;
	n = live_take_fresh(LIVE_FRESH, &first);
	while (n > 0)
		thread->slots[thread->n_slots++] = first + --n;
	return thread->n_slots > 0;
}

/* For handlers: one slot, past the interrupted thread's own. */
static uint32_t live_take_nested(void)
{
	uint32_t slot = live_pop();

	if (!slot)
		return live_take_fresh(1, &slot) ? slot : 0;
	if (live_state.mirror[slot].site)
		live_push(live_state.mirror[slot].site);
	return slot;
}

_noinline_ uint32_t live_take_slow(struct thread *thread)
{
	if (unlikely(thread->depth > 1))
		return live_take_nested();
	return live_refill(thread) ? thread->slots[--thread->n_slots] : 0;
}

/* Chains the newest n slots that the thread has at hand and gives them away. */
static void live_give(struct thread *thread, uint32_t n)
{
	uint32_t next = 0;

	for (; n > 0; n--) {
		uint32_t slot = thread->slots[--thread->n_slots];

		__atomic_store_n(&live_state.mirror[slot].site, next, __ATOMIC_RELAXED);
		next = slot;
	}
	if (next)
		live_push(next);
}

_noinline_ void live_drop_slow(struct thread *thread, uint32_t slot)
{
	if (unlikely(thread->depth > 1)) {
		__atomic_store_n(&live_state.mirror[slot].site, 0, __ATOMIC_RELAXED);
		live_push(slot);
		return;
	}
	live_give(thread, LIVE_GIVE);
	thread->slots[thread->n_slots++] = slot;
}

void live_return_slots(struct thread *thread)
{
	live_give(thread, thread->n_slots);
}

bool live_after_fork(void (*function)(uint32_t slot, uintptr_t addr,
				      const struct live_block *block))
{
	uint32_t end = MIN(live_used + LIVE_FORK_MARGIN, writer.live_capacity);
	uint32_t chain = 0, n_chain = 0, last = 0;

	for (uint32_t slot = 1; slot < end; slot++)
		if (live_state.mirror[slot].addr)
			last = slot;
	live_used = MAX(live_used, last + 1);
	live_free = 0;
	if (!writer_make_ready(WRITER_LIVE, live_used))
		return false;
	for (uint32_t slot = live_used; --slot > 0;) {
		struct live_mirror *mirror = &live_state.mirror[slot];

		if (mirror->addr) {
			struct live_block block = {mirror->size, mirror->site, mirror->interval};

			mirror->flags |= MT_LIVE_INHERITED;
			live_write_entry(slot, mirror,
					 live_state.start_ns +
						 ((uint64_t)mirror->time << LIVE_TIME_SHIFT));
			function(slot, mirror->addr, &block);
			continue;
		}
		mirror->site = chain;
		chain = slot;
		if (++n_chain == LIVE_GIVE) {
			live_push(chain);
			chain = n_chain = 0;
		}
	}
	if (chain)
		live_push(chain);
	writer_raise32(&writer.header->n_live, live_used);
	return true;
}

uint32_t live_n_used(void)
{
	return __atomic_load_n(&live_used, __ATOMIC_RELAXED);
}

uint64_t live_own_bytes(void)
{
	return (uint64_t)live_n_used() * sizeof(struct live_mirror);
}
