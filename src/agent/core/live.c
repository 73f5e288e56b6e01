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
 * live_remove claims the block by compare-and-swap on the mirror's addr, so that a program that frees
 * twice, or in two threads, frees one slot.
 *
 * Context: any thread, inside malloc, signal handlers. No locks.
 */
#include "agent/core/live.h"

#include "agent/core/sys.h"
#include "agent/core/writer.h"

enum {
	LIVE_FRESH = 16, /* never used slots taken at once */
	LIVE_GIVE = 16,  /* slots given back at once */
	LIVE_TIME_SHIFT = 22,
	LIVE_FORK_MARGIN =
		4096, /* slots that may be in use beyond the child's copy of the counter */
};

struct live_mirror {
	uint64_t addr; /* 0: free */
	uint64_t size; /* free: first slot of the next chain */
	uint32_t site; /* free: next slot of the chain */
	uint32_t time; /* since live_start_ns, in steps of 1 << LIVE_TIME_SHIFT ns */
	uint32_t interval;
	uint16_t thread;
	uint16_t flags;
};
assert_size(struct live_mirror, 32);

static struct live_mirror *live_mirror;
static uint64_t live_free; /* see above */
static uint32_t live_used; /* slots ever taken from the counter, from 1 on */
static uint64_t live_start_ns;

int live_init(uint64_t start_ns)
{
	if (!live_mirror)
		live_mirror =
			sys_map_private((size_t)writer.live_capacity * sizeof(struct live_mirror));
	if (!live_mirror)
		return -SYS_ENOMEM;
	live_start_ns = start_ns;
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
		next = __atomic_load_n(&live_mirror[(uint32_t)head].size, __ATOMIC_RELAXED);
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
		__atomic_store_n(&live_mirror[first].size, (uint32_t)head, __ATOMIC_RELAXED);
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

	for (; slot && thread->n_slots < THREAD_SLOTS; slot = live_mirror[slot].site)
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
	if (live_mirror[slot].site)
		live_push(live_mirror[slot].site);
	return slot;
}

uint32_t live_take(struct thread *thread)
{
	if (unlikely(thread->depth > 1))
		return live_take_nested();
	if (unlikely(thread->n_slots == 0) && !live_refill(thread))
		return 0;
	return thread->slots[--thread->n_slots];
}

/* Chains the newest n slots that the thread has at hand and gives them away. */
static void live_give(struct thread *thread, uint32_t n)
{
	uint32_t next = 0;

	for (; n > 0; n--) {
		uint32_t slot = thread->slots[--thread->n_slots];

		__atomic_store_n(&live_mirror[slot].site, next, __ATOMIC_RELAXED);
		next = slot;
	}
	if (next)
		live_push(next);
}

void live_drop(struct thread *thread, uint32_t slot)
{
	if (unlikely(thread->depth > 1)) {
		__atomic_store_n(&live_mirror[slot].site, 0, __ATOMIC_RELAXED);
		live_push(slot);
		return;
	}
	if (unlikely(thread->n_slots == THREAD_SLOTS))
		live_give(thread, LIVE_GIVE);
	thread->slots[thread->n_slots++] = slot;
}

void live_return_slots(struct thread *thread)
{
	live_give(thread, thread->n_slots);
}

/* Fills the region's entry; the mirror is there already. */
static void live_write_entry(uint32_t slot, uint64_t time_ns)
{
	const struct live_mirror *mirror = &live_mirror[slot];
	struct mt_live *entry = &writer.live[slot];

	/*
	 * Readers copy twice and compare; the fence keeps the fields behind the clearing of addr in
	 * live_remove, which was before this in the life of the slot.
	 */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&entry->size, mirror->size, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->time_ns, time_ns, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->site, mirror->site, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->thread, mirror->thread, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->interval, mirror->interval, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->flags, mirror->flags, __ATOMIC_RELAXED);
	/* release pairs with the reader's load of addr */
	__atomic_store_n(&entry->addr, mirror->addr, __ATOMIC_RELEASE);
}

/* The coarse clock lags behind the one that told the start. */
static uint32_t live_time(uint64_t now_ns)
{
	uint64_t passed_ns = now_ns > live_start_ns ? now_ns - live_start_ns : 0;

	return (uint32_t)MIN(passed_ns >> LIVE_TIME_SHIFT, UINT32_MAX);
}

void live_publish(uint32_t slot, uintptr_t addr, const struct live_block *block, uint32_t thread,
		  uint64_t now_ns)
{
	struct live_mirror *mirror = &live_mirror[slot];

	__atomic_store_n(&mirror->size, block->size, __ATOMIC_RELAXED);
	__atomic_store_n(&mirror->site, block->site, __ATOMIC_RELAXED);
	mirror->time = live_time(now_ns);
	mirror->interval = block->interval;
	mirror->thread = (uint16_t)thread;
	mirror->flags = 0;
	/* release pairs with the acquire in live_remove */
	__atomic_store_n(&mirror->addr, addr, __ATOMIC_RELEASE);
	live_write_entry(slot, now_ns);
}

uintptr_t live_address(uint32_t slot)
{
	if (slot == 0 || slot >= writer.live_capacity)
		return 0;
	return __atomic_load_n(&live_mirror[slot].addr, __ATOMIC_RELAXED);
}

bool live_remove(struct thread *thread, uint32_t slot, uintptr_t addr, struct live_block *ret)
{
	struct live_mirror *mirror;
	uint64_t expected = addr;

	if (unlikely(slot == 0 || slot >= writer.live_capacity))
		return false;
	mirror = &live_mirror[slot];
	/* acquire pairs with the release in live_publish */
	if (!__atomic_compare_exchange_n(&mirror->addr, &expected, 0, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return false;
	__atomic_store_n(&writer.live[slot].addr, 0, __ATOMIC_RELEASE);
	ret->size = mirror->size;
	ret->site = mirror->site;
	ret->interval = mirror->interval;
	live_drop(thread, slot);
	return true;
}

bool live_after_fork(void (*function)(uint32_t slot, uintptr_t addr,
				      const struct live_block *block))
{
	uint32_t end = MIN(live_used + LIVE_FORK_MARGIN, writer.live_capacity);
	uint32_t chain = 0, n_chain = 0, last = 0;

	for (uint32_t slot = 1; slot < end; slot++)
		if (live_mirror[slot].addr)
			last = slot;
	live_used = MAX(live_used, last + 1);
	live_free = 0;
	if (!writer_make_ready(WRITER_LIVE, live_used))
		return false;
	for (uint32_t slot = live_used; --slot > 0;) {
		struct live_mirror *mirror = &live_mirror[slot];

		if (mirror->addr) {
			struct live_block block = {mirror->size, mirror->site, mirror->interval};

			mirror->flags |= MT_LIVE_INHERITED;
			live_write_entry(slot, live_start_ns +
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
