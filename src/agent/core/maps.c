/* SPDX-License-Identifier: MIT */
/*
 * maps.c: what mapping calls mean for the index of ranges, and the region's entries.
 *
 * One lock, a futex, protects the index; mapping calls are rare and cost a microsecond anyway. Signals are
 * not blocked meanwhile, which would take system calls that a sandboxed program may not make. Instead a
 * handler that interrupts its own thread inside the lock leaves its call with the thread
 * (thread->map_ops), which applies it before it goes on; nobody else can have been given a range that is
 * still to be unmapped, because the lock is held until then. A thread whose handler left by longjmp never
 * drops the lock: who waits for longer than MAPS_PATIENCE_NS gives up, for good, and counts.
 *
 * A range keeps the site of the call that mapped it, through partial unmaps, moves and growth: growth
 * adds to what that site allocated. A range that falls in two counts as one more block of its site.
 * Ranges from before the agent are not in the index; when one of them grows, its growth is a range of the
 * site that made it grow.
 *
 * The program break's extent is entries too; while the same site moves it, one entry grows.
 *
 * After fork the tree is built anew from the entries (mapindex_rebuild), since another thread may have
 * been changing it while memory was copied.
 *
 * Context: any thread, signal handlers.
 */
#include "agent/core/maps.h"

#include "agent/core/mapindex.h"
#include "agent/core/sites.h"
#include "agent/core/sys.h"
#include "agent/core/thread.h"
#include "agent/core/writer.h"

enum {
	MAPS_MREMAP_DONTUNMAP = 4,
	MAPS_PATIENCE_NS = 1000000000,
};

static struct mapindex maps_index;
static struct sys_lock maps_lock;
static bool maps_broken;

static struct sites_weight maps_weight(uint64_t bytes, unsigned n_blocks)
{
	return (struct sites_weight){.bytes = bytes, .blocks = n_blocks * MT_BLOCKS_ONE};
}

/* Readers see an entry while start is not 0, and copy twice. */
static void maps_write_entry(uint32_t number, const struct mapindex_range *range)
{
	struct mt_map *entry = &writer.maps[number];

	if (range->start == 0) {
		__atomic_store_n(&entry->start, 0, __ATOMIC_RELAXED);
		return;
	}
	if (!writer_make_ready(WRITER_MAPS, number + 1)) {
		writer_count_lost(&writer.header->lost_maps);
		return;
	}
	__atomic_store_n(&entry->start, 0, __ATOMIC_RELAXED);
	/* pairs with the reader's second look at start */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&entry->size, range->size, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->time_ns, range->time_ns, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->site, range->site, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->thread, range->thread, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->flags, range->flags, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->prot, range->prot, __ATOMIC_RELAXED);
	/* release pairs with the reader's load of start */
	__atomic_store_n(&entry->start, range->start, __ATOMIC_RELEASE);
	writer_raise32(&writer.header->n_maps, number + 1);
}

static void maps_count_removed(const struct mapindex_range *range, uint64_t bytes, int n_blocks)
{
	struct sites_weight weight = maps_weight(bytes, n_blocks > 0);

	if (n_blocks < 0) {
		weight = maps_weight(0, 1);
		sites_add_allocated(range->site, &weight);
	} else {
		sites_add_freed(range->site, &weight);
	}
}

static void maps_count_lost(const struct mapindex_range *range)
{
	writer_count_lost(&writer.header->lost_maps);
}

static const struct mapindex_hooks maps_hooks = {
	.changed = maps_write_entry,
	.removed = maps_count_removed,
	.lost = maps_count_lost,
};

int maps_init(void)
{
	if (maps_index.nodes)
		return 0;
	return mapindex_init(&maps_index, writer.maps_capacity, &maps_hooks);
}

static void maps_add(const struct maps_op *op, uint64_t start, uint64_t size, uint32_t flags)
{
	struct mapindex_range range = {
		.start = start,
		.size = size,
		.time_ns = op->time_ns,
		.site = op->site,
		.thread = op->thread,
		.flags = flags,
		.prot = op->prot,
	};
	struct sites_weight weight = maps_weight(size, 1);

	if (size == 0)
		return;
	if (op->site == 0) {
		maps_count_lost(&range);
		return;
	}
	/* counters first: what a killed process leaves has never more live than allocated */
	sites_add_allocated(op->site, &weight);
	if (!mapindex_insert(&maps_index, &range))
		sites_add_freed(op->site, &weight);
}

/* The range that ends at end grew, with the program not asking for a mapping of its own. */
static void maps_grow(const struct maps_op *op, uint64_t end, uint64_t size, uint32_t flags)
{
	struct sites_weight weight = maps_weight(size, 0);
	const struct mapindex_range *range;

	mapindex_remove(&maps_index, end, size);
	range = mapindex_find(&maps_index, end - 1);
	if (!range || range->start + range->size != end) {
		maps_add(op, end, size, flags);
		return;
	}
	sites_add_allocated(range->site, &weight);
	mapindex_extend(&maps_index, end, size);
}

static void maps_apply_remap(const struct maps_op *op)
{
	const struct mapindex_range *source = mapindex_find(&maps_index, op->old_start);
	uint32_t flags = source ? source->flags & ~(uint32_t)MT_MAP_INHERITED : MT_MAP_ANON;
	uint64_t kept = MIN(op->old_size, op->size);

	if (op->start != op->old_start)
		mapindex_remove(&maps_index, op->start, op->size);
	if (op->old_size == 0 || (op->flags & MAPS_MREMAP_DONTUNMAP)) {
		/* the old mapping stays, shared or emptied */
		maps_add(op, op->start, op->size, flags);
		return;
	}
	if (op->size < op->old_size)
		mapindex_remove(&maps_index, op->old_start + kept, op->old_size - kept);
	if (op->start != op->old_start)
		mapindex_move(&maps_index, op->old_start, kept, op->start);
	if (op->size > op->old_size)
		maps_grow(op, op->start + kept, op->size - kept, flags);
}

static void maps_apply_break(const struct maps_op *op)
{
	uint64_t from = op->old_start, to = op->start;
	const struct mapindex_range *range;

	if (to < from) {
		mapindex_remove(&maps_index, to, from - to);
		return;
	}
	range = from > 0 ? mapindex_find(&maps_index, from - 1) : NULL;
	if (range && (range->flags & MT_MAP_BRK) && range->site == op->site &&
	    !(range->flags & MT_MAP_INHERITED)) {
		maps_grow(op, from, to - from, op->flags);
		return;
	}
	mapindex_remove(&maps_index, from, to - from);
	maps_add(op, from, to - from, op->flags);
}

static void maps_apply_locked(const struct maps_op *op)
{
	switch (op->type) {
	case MAPS_OP_MAP:
		mapindex_remove(&maps_index, op->start, op->size);
		maps_add(op, op->start, op->size, op->flags);
		break;
	case MAPS_OP_UNMAP:
		mapindex_remove(&maps_index, op->start, op->size);
		break;
	case MAPS_OP_REMAP:
		maps_apply_remap(op);
		break;
	case MAPS_OP_BREAK:
		maps_apply_break(op);
		break;
	}
}

static bool maps_take_lock(void)
{
	if (__atomic_load_n(&maps_broken, __ATOMIC_RELAXED))
		return sys_lock_try(&maps_lock);
	if (sys_lock_take_timed(&maps_lock, MAPS_PATIENCE_NS))
		return true;
	__atomic_store_n(&maps_broken, true, __ATOMIC_RELAXED);
	return false;
}

/* Applies what handlers left; they may go on leaving more meanwhile. */
static void maps_apply_left(struct thread *thread)
{
	uint8_t n_applied = 0;

	while (n_applied < __atomic_load_n(&thread->n_map_ops, __ATOMIC_RELAXED)) {
		uint8_t n = n_applied + 1;

		maps_apply_locked(&thread->map_ops[n_applied++]);
		/* from the first again, if none came since */
		if (__atomic_compare_exchange_n(&thread->n_map_ops, &n, 0, false, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			n_applied = 0;
	}
}

void maps_apply(struct thread *thread, const struct maps_op *op)
{
	bool done = false;

	if (thread->maps_busy && thread->depth > 1) {
		if (thread->n_map_ops < THREAD_MAP_OPS)
			thread->map_ops[thread->n_map_ops++] = *op;
		else
			writer_count_lost(&writer.header->lost_maps);
		return;
	}
	do {
		thread->maps_busy = true;
		/* handlers leave their calls from here on */
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		if (!maps_take_lock()) {
			thread->maps_busy = false;
			writer_count_lost(&writer.header->lost_maps);
			return;
		}
		if (!done)
			maps_apply_locked(op);
		done = true;
		maps_apply_left(thread);
		sys_lock_drop(&maps_lock);
		thread->maps_busy = false;
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		/* a handler may have come between the last look and busy's end */
	} while (__atomic_load_n(&thread->n_map_ops, __ATOMIC_RELAXED) > 0);
}

static void maps_inherit(uint32_t number, struct mapindex_range *range)
{
	struct sites_weight weight = maps_weight(range->size, 1);

	range->flags |= MT_MAP_INHERITED;
	sites_add_inherited(range->site, &weight);
	maps_write_entry(number, range);
}

bool maps_after_fork(void)
{
	maps_lock.word = 0;
	maps_broken = false;
	mapindex_rebuild(&maps_index);
	if (!writer_make_ready(WRITER_MAPS, maps_index.n_used))
		return false;
	mapindex_for_each(&maps_index, maps_inherit);
	return true;
}

_hot_ uint64_t maps_own_bytes(void)
{
	return mapindex_own_bytes(&maps_index);
}
