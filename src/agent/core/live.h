/* SPDX-License-Identifier: MIT */
/*
 * live.h: the blocks that are recorded and not freed, in numbered slots.
 *
 * A slot's number is the tag that a tagging allocator stores. Each slot exists twice: the mirror, private
 * memory, is what the agent reads; the region's entry is for the tool. A forked child has the mirror as
 * it was at the fork, and writes its own region from it.
 */
#ifndef AGENT_CORE_LIVE_H
#define AGENT_CORE_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/thread.h"
#include "agent/core/writer.h"

struct live_block {
	uint64_t size;
	uint32_t site;
	uint32_t interval;
};

/* After writer_create. 0 or -errno. */
int live_init(uint64_t start_ns);

/* A free slot for the caller, 0 if there is none. live_drop gives it back unused. */
static inline uint32_t live_take(struct thread *thread);
static inline void live_drop(struct thread *thread, uint32_t slot);

/* Fills a slot that live_take gave; it is visible when this returns. */
static inline void live_publish(uint32_t slot, uintptr_t addr, const struct live_block *block,
				uint32_t thread, uint64_t now_ns);

/* If the slot holds the block at addr: takes it out, frees the slot and tells what it was. */
static inline bool live_remove(struct thread *thread, uint32_t slot, uintptr_t addr,
			       struct live_block *ret);

/* The thread's free slots go to the common list. */
void live_return_slots(struct thread *thread);

/*
 * In a forked child, after writer_create_child: writes the region's entries from the mirror, all
 * flagged as inherited, and calls function for each. False if there is no memory for it.
 */
bool live_after_fork(void (*function)(uint32_t slot, uintptr_t addr,
				      const struct live_block *block));

/* Slots that were ever used. */
uint32_t live_n_used(void);
uint64_t live_own_bytes(void);

/* private to the inline functions; live.c explains it */
enum { LIVE_TIME_SHIFT = 22 };

struct live_mirror {
	uint64_t addr; /* 0: free */
	uint64_t size; /* free: first slot of the next chain */
	uint32_t site; /* free: next slot of the chain */
	uint32_t time; /* since start_ns, in steps of 1 << LIVE_TIME_SHIFT ns */
	uint32_t interval;
	uint16_t thread;
	uint16_t flags;
};
assert_size(struct live_mirror, 32);

struct live_state {
	struct live_mirror *mirror;
	uint64_t start_ns;
};
extern _hidden_ struct live_state live_state;

uint32_t live_take_slow(struct thread *thread);
void live_drop_slow(struct thread *thread, uint32_t slot);

static _always_inline_ uint32_t live_take(struct thread *thread)
{
	if (unlikely(thread->depth > 1 || thread->n_slots == 0))
		return live_take_slow(thread);
	return thread->slots[--thread->n_slots];
}

static _always_inline_ void live_drop(struct thread *thread, uint32_t slot)
{
	if (unlikely(thread->depth > 1 || thread->n_slots == THREAD_SLOTS))
		live_drop_slow(thread, slot);
	else
		thread->slots[thread->n_slots++] = slot;
}

/* Fills the region's entry as the mirror is. */
static _always_inline_ void live_write_entry(uint32_t slot, const struct live_mirror *mirror,
					     uint64_t time_ns)
{
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
static _always_inline_ uint32_t live_time(uint64_t now_ns)
{
	uint64_t passed_ns = now_ns > live_state.start_ns ? now_ns - live_state.start_ns : 0;

	return (uint32_t)MIN(passed_ns >> LIVE_TIME_SHIFT, UINT32_MAX);
}

static _always_inline_ void live_publish(uint32_t slot, uintptr_t addr,
					 const struct live_block *block, uint32_t thread,
					 uint64_t now_ns)
{
	struct live_mirror *mirror = &live_state.mirror[slot];
	const struct live_mirror filled = {
		.addr = addr,
		.size = block->size,
		.site = block->site,
		.time = live_time(now_ns),
		.interval = block->interval,
		.thread = (uint16_t)thread,
	};

	__atomic_store_n(&mirror->size, filled.size, __ATOMIC_RELAXED);
	__atomic_store_n(&mirror->site, filled.site, __ATOMIC_RELAXED);
	mirror->time = filled.time;
	mirror->interval = filled.interval;
	mirror->thread = filled.thread;
	mirror->flags = 0;
	/* release pairs with the acquire in live_remove */
	__atomic_store_n(&mirror->addr, addr, __ATOMIC_RELEASE);
	live_write_entry(slot, &filled, now_ns);
}

static _always_inline_ bool live_remove(struct thread *thread, uint32_t slot, uintptr_t addr,
					struct live_block *ret)
{
	struct live_mirror *mirror;

	if (unlikely(slot == 0 || slot >= writer.live_capacity))
		return false;
	mirror = &live_state.mirror[slot];
	/* acquire pairs with the release in live_publish */
	if (unlikely(__atomic_load_n(&mirror->addr, __ATOMIC_ACQUIRE) != addr))
		return false;
	__atomic_store_n(&mirror->addr, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&writer.live[slot].addr, 0, __ATOMIC_RELEASE);
	ret->size = mirror->size;
	ret->site = mirror->site;
	ret->interval = mirror->interval;
	live_drop(thread, slot);
	return true;
}

#endif
