/* SPDX-License-Identifier: MIT */
/*
 * recorder-quick.h: the short way of events where everything is recorded.
 *
 * Of each event the recorder asks whether it is to be measured, put into the ring, sampled at an interval, marked
 * by a tag, counted at once, and a few things more; mostly all answers are no, and stay so for a while. After an
 * event of which that is so the thread is given a number of events that need not ask: up to the next one that
 * is measured. They are added to the thread's counts when the next event goes the long way. What they do
 * ask is whether the stack is known by a note and the clock shows what it showed.
 *
 * Context: as recorder.c, at depth 1 only.
 */
#ifndef AGENT_CORE_RECORDER_QUICK_H
#define AGENT_CORE_RECORDER_QUICK_H

#include "agent/core/live.h"
#include "agent/core/recall.h"
#include "agent/core/tally.h"
#include "agent/core/thread.h"

/* The slot of a block that was recorded; 0 if it takes the long way, and nothing was done. */
static _always_inline_ uint32_t recorder_quick_allocated(struct thread *thread, uintptr_t addr,
							 uint64_t size,
							 struct unwind_caller *caller)
{
	struct live_block block = {.size = size};
	uint64_t now_ns;
	uint32_t slot;

	if (unlikely(thread->quick == 0 || thread->n_slots == 0 || thread->n_tags ||
		     thread->n_backing || !thread_is_on_own_stack(thread)))
		return 0;
	now_ns = sys_clock_coarse_ns();
	if (unlikely(now_ns != thread->tick_ns))
		return 0;
	caller->is_looked = true;
	block.site = recall_note(thread->recall, &thread->stack, caller);
	if (unlikely(!block.site))
		return 0;
	thread->quick--;
	slot = thread->slots[--thread->n_slots];
	tally_gather_allocated(thread, block.site, size);
	live_publish(slot, addr, &block, thread->index, now_ns);
	return slot;
}

/* False if the block's end takes the long way. */
static _always_inline_ bool recorder_quick_freed(struct thread *thread, uintptr_t addr,
						 uint32_t slot)
{
	struct live_block block;

	if (unlikely(thread->quick == 0 || thread->depth > 1 || thread->n_slots == THREAD_SLOTS ||
		     !live_remove(thread, slot, addr, &block)))
		return false;
	thread->quick--;
	if (likely(block.interval == 0))
		tally_gather_freed(thread, block.site, block.size);
	else
		tally_freed_at_once(thread, block.site, block.size, block.interval);
	return true;
}

/* Before an event that goes the long way: counts those that did not. */
static _always_inline_ void recorder_quick_end(struct thread *thread)
{
	const uint32_t n = thread->quick_given - thread->quick;

	thread->quick = thread->quick_given = 0;
	if (likely(n == 0))
		return;
	thread->n_events += n;
	thread->n_samples += n / 2; /* about: names are looked at now and then */
	tally_count(thread, n);
}

/* After such an event, where nothing is in the way of the next ones: gives the thread so many. */
static _always_inline_ void recorder_quick_begin(struct thread *thread, uint32_t n)
{
	if (thread->interval == 0 && thread->recall && !thread->tick_left && !thread->ended &&
	    thread->n_events > TALLY_FIRST)
		thread->quick = thread->quick_given = n;
}

#endif
