/* SPDX-License-Identifier: MIT */
/*
 * recorder.c: the way of a sampled block through the tables.
 *
 * Order of stores, so that a process killed between any two leaves a region that adds up:
 *
 *	allocated	site's stack → site → site's allocated counters → live slot (addr last)
 *	freed		live slot (addr cleared) → site's freed counters
 *
 * so live never exceeds allocated − freed, and the tool takes live from the slots.
 *
 * What recording costs is measured at the first samples of each thread and then at each 32nd: two
 * readings of the vdso's clock. A reading far above the running mean was interrupted, and is cut.
 *
 * Context: any thread, inside malloc and free, signal handlers. No locks. About half a kilobyte of
 * stack, the unwinder's included less than one.
 */
#include "agent/core/recorder.h"

#include "agent/core/annotate.h"
#include "agent/core/blockindex.h"
#include "agent/core/live.h"
#include "agent/core/maps.h"
#include "agent/core/recall.h"
#include "agent/core/recorder-quick.h"
#include "agent/core/sampler.h"
#include "agent/core/shed.h"
#include "agent/core/sites.h"
#include "agent/core/sys.h"
#include "agent/core/tally.h"
#include "agent/core/writer.h"

enum {
	RECORDER_TICK_EVENTS =
		16, /* of a thread that are put while the coarse clock stands still */
	RECORDER_TICK_EACH = 8,
	RECORDER_RECALL_AFTER = 32, /* samples */
	RECORDER_COST_FIRST = 64,
	RECORDER_COST_EACH = 32, /* a power of two */
};

static bool recorder_tags;
static uintptr_t recorder_text_start, recorder_text_end;

int recorder_init(const struct core_config *config)
{
	recorder_tags = config->tags;
	recorder_text_start = config->text_start;
	recorder_text_end = config->text_end;
	tally_init();
	/* with tags it is for pools alone, and takes no memory without */
	return blockindex_init(writer.live_capacity);
}

static void recorder_count_truncated(void)
{
	__atomic_fetch_add(&writer.header->truncated_stacks, 1, __ATOMIC_RELAXED);
}

/* By walking the whole stack. */
static _noinline_ uint32_t recorder_site_anew(struct thread *thread,
					      const struct unwind_caller *caller,
					      enum mt_site_kind kind, unsigned flags,
					      uint64_t now_ns)
{
	struct unwind_stack scratch, *stack = thread_stack_get(thread, &scratch);
	uint64_t *frames = thread_take_frames(thread);
	unsigned n = 0;
	uint32_t site;

	if (unlikely(!frames))
		return 0;
	n = unwind_trace(stack, caller, recorder_text_start, recorder_text_end, frames,
			 THREAD_FRAMES, &flags);
	if (unlikely(n == 0)) {
		frames[n++] = 0;
		flags |= MT_STACK_TRUNCATED;
	}
	if (flags & MT_STACK_TRUNCATED)
		recorder_count_truncated();
	site = sites_get(thread, kind, flags, frames, n, now_ns);
	thread_drop_frames(thread, frames);
	return site;
}

/* Of the stack that the thread has just recalled. Notes the sites of blocks. */
static _noinline_ uint32_t recorder_site_found(struct thread *thread,
					       const struct recall_stack *found,
					       enum mt_site_kind kind, unsigned flags,
					       uint64_t now_ns)
{
	uint32_t site;

	if (unlikely(found->is_truncated)) {
		flags |= MT_STACK_TRUNCATED;
		recorder_count_truncated();
	}
	site = sites_find(kind, flags, found->hash);
	if (unlikely(!site)) {
		recall_copy(thread->recall, thread->frames, found->n_frames);
		site = sites_get(thread, kind, flags, thread->frames, found->n_frames, now_ns);
	}
	/* those that are truncated are counted each time; flags make another site of the same stack */
	if (kind == MT_SITE_MALLOC && site && !flags)
		recall_set_note(thread->recall, site);
	return site;
}

static _always_inline_ uint32_t recorder_find_site(struct thread *thread,
						   const struct unwind_caller *caller,
						   enum mt_site_kind kind, unsigned flags,
						   uint64_t now_ns)
{
	const bool wants_note = kind == MT_SITE_MALLOC && !flags && !(caller && caller->is_looked);
	struct recall_stack found;

	/* handlers and coroutines have stacks of which nothing is remembered */
	if (unlikely(!thread->recall || !thread_is_on_own_stack(thread) ||
		     !recall_trace(thread->recall, &thread->stack, caller, wants_note, &found)))
		return recorder_site_anew(thread, caller, kind, flags, now_ns);
	if (likely(found.note))
		return found.note;
	return recorder_site_found(thread, &found, kind, flags, now_ns);
}

uint32_t recorder_site(struct thread *thread, enum mt_site_kind kind, unsigned flags,
		       uint64_t now_ns)
{
	return recorder_find_site(thread, NULL, kind, flags, now_ns);
}

/* How many events the cost of this one stands for; 0 if it is not measured. */
static _always_inline_ unsigned recorder_cost_factor(struct thread *thread)
{
	if (unlikely(thread->depth > 1))
		return 0;
	recorder_quick_end(thread);
	thread->n_events++;
	if (unlikely(thread->n_events <= RECORDER_COST_FIRST))
		return 1;
	return likely(thread->n_events % RECORDER_COST_EACH) ? 0 : RECORDER_COST_EACH;
}

/* The next events may go the short way up to the one that is measured. */
static _always_inline_ void recorder_make_quick(struct thread *thread)
{
	if (recorder_tags && thread->depth == 1)
		recorder_quick_begin(thread, RECORDER_COST_EACH - 1 -
						     thread->n_events % RECORDER_COST_EACH);
}

static _noinline_ void recorder_count_cost(struct thread *thread, unsigned factor,
					   uint64_t began_ns)
{
	uint64_t cost_ns = MIN(sys_clock_ns() - began_ns, sampler_cost_limit_ns());
	if (factor > 1)
		cost_ns = MIN(cost_ns, 4 * thread->cost_ns);
	thread->cost_ns = (thread->cost_ns * 15 + cost_ns) / 16 + 1;
	tally_own_ns(thread, factor * cost_ns);
}

/* The coarse clock has moved since the thread's last event. */
static _noinline_ void recorder_begin_tick(struct thread *thread, uint64_t now_ns)
{
	thread->tick_ns = now_ns;
	thread->tick_left = RECORDER_TICK_EVENTS;
	if (thread->interval == 0 && thread->depth == 1)
		tally_flush(thread);
}

static _noinline_ void recorder_put_event(struct thread *thread, enum mt_event_type type,
					  uint64_t now_ns, uintptr_t addr,
					  const struct live_block *block)
{
	thread->tick_left--;
	writer_put_event(&(struct mt_event){.type = (uint16_t)type,
					    .time_ns = now_ns,
					    .addr = addr,
					    .size = block->size,
					    .site = block->site,
					    .thread = (uint16_t)thread->index});
}

/*
 * Puts an event, unless the thread has put enough in this tick of the clock: a program that allocates
 * quickly would turn the whole ring over within a tick, and nobody could follow.
 */
static _always_inline_ void recorder_tell(struct thread *thread, enum mt_event_type type,
					  uint64_t now_ns, uintptr_t addr,
					  const struct live_block *block)
{
	if (unlikely(thread->tick_ns != now_ns))
		recorder_begin_tick(thread, now_ns);
	if (unlikely(thread->tick_left > 0))
		recorder_put_event(thread, type, now_ns, addr, block);
}

/* The address was recorded and never seen to be freed: it was, or it could not be given out again. */
static _noinline_ void recorder_drop_stale(struct thread *thread, uintptr_t addr, uintptr_t key)
{
	uint32_t slot = blockindex_remove(key);

	writer_count_lost(&writer.header->lost_frees);
	if (slot)
		recorder_freed(thread, addr, slot);
}

/* For allocators without tags, and for pools. */
static _noinline_ bool recorder_add_to_index(struct thread *thread, uintptr_t addr, uint32_t slot,
					     unsigned flags)
{
	const uintptr_t key = flags & MT_STACK_POOL ? addr | RECORDER_POOL_KEY : addr;

	if (unlikely(blockindex_has(key)))
		recorder_drop_stale(thread, addr, key);
	return blockindex_add(key, slot);
}

/* Puts a block into the tables. Returns its slot, or 0 if some table is full. */
/* NOLINTNEXTLINE(readability-function-size): what a block is, and when, and where */
static _always_inline_ uint32_t recorder_record(struct thread *thread, uintptr_t addr,
						uint64_t size, const struct unwind_caller *caller,
						uint32_t interval, uint64_t now_ns, unsigned flags)
{
	struct live_block block = {.size = size, .interval = interval};
	uint32_t slot = live_take(thread);

	if (unlikely(!slot))
		return 0;
	block.site = recorder_find_site(thread, caller, MT_SITE_MALLOC, flags, now_ns);
	if (unlikely(!block.site) || unlikely((!recorder_tags || flags & MT_STACK_POOL) &&
					      !recorder_add_to_index(thread, addr, slot, flags))) {
		live_drop(thread, slot);
		return 0;
	}
	tally_allocated(thread, block.site, size, interval, now_ns);
	live_publish(slot, addr, &block, thread->index, now_ns);
	recorder_tell(thread, MT_EVENT_ALLOC, now_ns, addr, &block);
	return slot;
}

/* A thread with few samples does without. */
static _noinline_ void recorder_begin_to_recall(struct thread *thread)
{
	if (!thread->recall && thread->depth == 1)
		thread->recall = recall_new(recorder_text_start, recorder_text_end, THREAD_FRAMES);
}

/* Not all is recorded any more: what pays where stacks are like the one before is given back. */
static _noinline_ void recorder_end_exact(struct thread *thread)
{
	if (thread->recall && thread->depth == 1)
		thread->recall = recall_free(thread->recall);
	shed_pages();
}

/* The next distance; handlers draw theirs from the same state, which at worst repeats a number. */
static _always_inline_ int64_t recorder_draw(struct thread *thread)
{
	uint32_t interval = sampler_interval();

	if (likely(interval == 0)) {
		thread->interval = 0;
		return 0;
	}
	if (unlikely(thread->interval == 0))
		recorder_end_exact(thread);
	thread->interval = interval;
	return sampler_draw(interval, &thread->random);
}

int64_t recorder_arm(struct thread *thread)
{
	thread->armed = true;
	return recorder_draw(thread);
}

/* The thread's first call, made because it had no distance yet. Whether the block is to be recorded. */
static _noinline_ bool recorder_arm_for(struct thread *thread, uint64_t size, int64_t *ret_next)
{
	int64_t distance = recorder_arm(thread);

	if (distance < (int64_t)size)
		return true;
	*ret_next = distance - (int64_t)size;
	return false;
}

uint32_t recorder_allocated(struct thread *thread, uintptr_t addr, uint64_t size,
			    const struct unwind_caller *caller, int64_t *ret_next)
{
	unsigned factor = recorder_cost_factor(thread);
	uint64_t began_ns = unlikely(factor) ? sys_clock_ns() : 0;
	uint32_t slot;

	if (unlikely(!thread->armed) && !recorder_arm_for(thread, MAX(size, 1), ret_next))
		return 0;
	slot = recorder_record(thread, addr, size, caller, thread->interval, sys_clock_coarse_ns(),
			       unlikely(thread->n_tags | thread->n_backing) ? annotate_flags(thread)
									    : 0);
	if (unlikely(!slot)) {
		writer_count_lost(&writer.header->lost_allocations);
		sampler_table_full();
	}
	if (unlikely(thread->n_samples % 4096 == RECORDER_RECALL_AFTER))
		recorder_begin_to_recall(thread);
	*ret_next = recorder_draw(thread);
	if (unlikely(factor))
		recorder_count_cost(thread, factor, began_ns);
	recorder_make_quick(thread);
	return slot;
}

void recorder_freed(struct thread *thread, uintptr_t addr, uint32_t slot)
{
	unsigned factor = recorder_cost_factor(thread);
	uint64_t began_ns = unlikely(factor) ? sys_clock_ns() : 0;
	struct live_block block;

	if (unlikely(!live_remove(thread, slot, addr, &block))) {
		writer_count_lost(&writer.header->lost_frees);
		return;
	}
	tally_freed(thread, block.site, block.size, block.interval);
	/* where events are left out, the clock is read now and then only */
	if (unlikely(thread->tick_left || thread->n_events % RECORDER_TICK_EACH == 0))
		recorder_tell(thread, MT_EVENT_FREE, sys_clock_coarse_ns(), addr, &block);
	if (unlikely(factor))
		recorder_count_cost(thread, factor, began_ns);
	recorder_make_quick(thread);
}

static void recorder_pool_arm(struct thread *thread)
{
	thread->pool_interval = sampler_interval();
	thread->pool_left =
		thread->pool_interval ? sampler_draw(thread->pool_interval, &thread->random) : 0;
	thread->pool_armed = true;
}

void recorder_pool_allocated(struct thread *thread, uintptr_t addr, uint64_t size)
{
	/* memory behind a pool is said of chunks, never of the pool's blocks */
	unsigned flags = (annotate_flags(thread) & ~MT_STACK_BACKING) | MT_STACK_POOL;

	if (!thread->pool_armed)
		recorder_pool_arm(thread);
	thread->pool_left -= (int64_t)MAX(size, 1);
	if (thread->pool_left >= 0)
		return;
	if (!recorder_record(thread, addr, size, NULL, thread->pool_interval, sys_clock_coarse_ns(),
			     flags)) {
		writer_count_lost(&writer.header->lost_allocations);
		sampler_table_full();
	}
	recorder_pool_arm(thread);
}

void recorder_pool_freed(struct thread *thread, uintptr_t addr)
{
	uint32_t slot = blockindex_remove(addr | RECORDER_POOL_KEY);

	if (slot)
		recorder_freed(thread, addr, slot);
}

static void recorder_inherit(uint32_t slot, uintptr_t addr, const struct live_block *block)
{
	struct sites_weight weight = sites_weigh(block->size, block->interval);

	sites_add_inherited(block->site, &weight);
	tally_inherited(&weight);
}

bool recorder_after_fork(void)
{
	tally_init();
	if (!live_after_fork(recorder_inherit))
		return false;
	tally_publish();
	return true;
}
