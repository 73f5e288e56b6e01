/* SPDX-License-Identifier: MIT */
/*
 * core.c: the doors of the core: decides for each call whether, and into which region, it is recorded.
 *
 * Every door asks three things, in this order: is recording on (one word); is this process the one the
 * region belongs to (the word that fork wipes); what is the thread's state. A forked child answers the
 * second with a region of its own (core-begin.c). Children that share memory (vfork, posix_spawn) are not seen
 * as children at all, as what they allocate is their parent's; only what they say about the process as a whole is
 * ignored (core_set_state), which their process ID tells.
 *
 * Context: any thread, inside malloc and free, signal handlers, children of all kinds.
 */
#include "agent/core/core.h"

#include "agent/core/blockindex.h"
#include "agent/core/core-begin.h"
#include "agent/core/core-door.h"
#include "agent/core/fork-guard.h"
#include "agent/core/recorder-quick.h"
#include "agent/core/recorder.h"
#include "agent/core/sys.h"
#include "agent/core/tally.h"
#include "agent/core/thread-entry.h"
#include "agent/core/thread.h"
#include "agent/core/unwind.h"
#include "agent/core/writer.h"

enum {
	CORE_NOBODY_DEPTH = 2, /* of core_nobody: uses nothing that is a thread's own */
};

/*
 * For frees of threads that have no state (too many, or handlers nested too deep): they must not be lost
 * and need nothing of a thread when its depth is above 1.
 */
static struct thread core_nobody = {.depth = CORE_NOBODY_DEPTH};

static void core_stop(enum mt_state state)
{
	__atomic_store_n(&core_state.phase, CORE_STOPPED, __ATOMIC_RELAXED);
	__atomic_store_n(&writer.header->end_ns, sys_clock_ns(), __ATOMIC_RELAXED);
	__atomic_store_n(&writer.header->state, state, __ATOMIC_RELAXED);
}

static _always_inline_ bool core_is_on(void)
{
	/* acquire pairs with the release in core_start */
	if (unlikely(__atomic_load_n(&core_state.phase, __ATOMIC_ACQUIRE) != CORE_RECORDING))
		return false;
	if (unlikely(!fork_guard_is_claimed()))
		return core_claim();
	if (unlikely(__atomic_load_n(&writer.header->control_stop, __ATOMIC_RELAXED) != 0)) {
		core_stop(MT_STATE_DETACHED);
		return false;
	}
	return true;
}

bool core_is_recording(void)
{
	return __atomic_load_n(&core_state.phase, __ATOMIC_ACQUIRE) == CORE_RECORDING;
}

struct thread *core_enter(void)
{
	return likely(core_is_on()) ? thread_enter() : NULL;
}

uint32_t core_allocated_for(const void *block, size_t size, int64_t *ret_next, uintptr_t sp,
			    uintptr_t fp, uintptr_t pc)
{
	struct unwind_caller caller = {sp, fp, pc, false};
	struct thread *thread;
	uint32_t slot;

	if (unlikely(!core_is_on())) {
		/* before the start: come back at once; after the end: never */
		*ret_next = __atomic_load_n(&core_state.phase, __ATOMIC_RELAXED) == CORE_STOPPED
				    ? INT64_MAX
				    : 0;
		return 0;
	}
	thread = thread_enter();
	if (unlikely(!thread)) {
		*ret_next = 0;
		writer_count_lost(&writer.header->lost_allocations);
		return 0;
	}
	*ret_next = 0;
	slot = recorder_quick_allocated(thread, (uintptr_t)block, size, &caller);
	if (unlikely(!slot))
		slot = recorder_allocated(thread, (uintptr_t)block, size, &caller, ret_next);
	thread_leave(thread);
	return slot;
}

uint32_t core_allocated(const void *block, size_t size, int64_t *ret_next)
{
	return core_allocated_for(block, size, ret_next, 0, 0, 0);
}

void core_freed(const void *block, uint32_t tag)
{
	struct thread *thread;

	if (unlikely(!core_is_on()))
		return;
	thread = thread_enter();
	if (unlikely(!thread)) {
		recorder_freed(&core_nobody, (uintptr_t)block, tag);
		return;
	}
	if (unlikely(!recorder_quick_freed(thread, (uintptr_t)block, tag)))
		recorder_freed(thread, (uintptr_t)block, tag);
	thread_leave(thread);
}

bool core_is_recorded(const void *block)
{
	return blockindex_has((uintptr_t)block);
}

void core_freed_address(const void *block)
{
	uint32_t slot;

	if (unlikely(!core_is_on()))
		return;
	slot = blockindex_remove((uintptr_t)block);
	if (slot)
		core_freed(block, slot);
}

void core_freed_unknown(void)
{
	if (!core_is_recording() || !fork_guard_is_claimed() ||
	    __atomic_load_n(&writer.header->interval, __ATOMIC_RELAXED) != 0 ||
	    __atomic_load_n(&writer.header->flags, __ATOMIC_RELAXED) & MT_HEADER_INEXACT)
		return;
	__atomic_fetch_add(&writer.header->freed_unknown, 1, __ATOMIC_RELAXED);
}

void core_thread_ending(void)
{
	struct thread *thread;

	if (!core_is_recording() || !fork_guard_is_claimed() || !thread_is_known())
		return;
	thread = core_enter();
	if (!thread)
		return;
	if (thread->depth == 1) {
		tally_flush(thread);
		thread_end(thread);
	}
	thread_leave(thread);
}

/* A vfork child, which shares everything with its parent, must not speak for it. */
static bool core_speaks_for_process(void)
{
	return (uint32_t)sys_getpid() == writer.header->pid;
}

void core_set_state(enum mt_state state)
{
	/* a child that only execs, or exits, leaves no region */
	if (!core_is_recording() || !fork_guard_is_claimed() || !core_speaks_for_process())
		return;
	thread_for_each(tally_flush);
	__atomic_store_n(&writer.header->end_ns, state == MT_STATE_RUNNING ? 0 : sys_clock_ns(),
			 __ATOMIC_RELAXED);
	__atomic_store_n(&writer.header->state, state, __ATOMIC_RELAXED);
	if (state == MT_STATE_DETACHED)
		core_stop(state);
}

void core_set_header_flag(uint32_t flag)
{
	if (core_is_on())
		writer_set_flag(flag);
}

bool core_is_unclaimed_child(void)
{
	return core_is_recording() && !fork_guard_is_claimed();
}

void core_claim_child(void)
{
	(void)core_is_on();
}

int64_t core_first_distance(void)
{
	struct thread *thread = core_enter();
	int64_t distance;

	if (!thread)
		return __atomic_load_n(&core_state.phase, __ATOMIC_RELAXED) == CORE_STOPPED
			       ? INT64_MAX
			       : 0;
	thread_check_identity(thread);
	distance = recorder_arm(thread);
	thread_leave(thread);
	return distance;
}

unsigned core_backtrace(uint64_t *ret_frames, unsigned max)
{
	struct unwind_stack stack = {0};
	unsigned flags = 0;

	return unwind_trace(&stack, NULL, core_state.text_start, core_state.text_end, ret_frames,
			    max, &flags);
}
