/* SPDX-License-Identifier: MIT */
/*
 * core-maps.c: the doors of the core for mapping calls.
 *
 * They turn the arguments of the calls into what maps.c applies: whole pages, flags of the region's
 * format, and the site of the caller, whose stack is taken before any lock.
 *
 * Context: any thread, signal handlers; the program's allocator may be inside.
 */
#include "agent/core/core.h"

#include "agent/core/annotate.h"
#include "agent/core/core-door.h"
#include "agent/core/maps.h"
#include "agent/core/recorder.h"
#include "agent/core/sys.h"
#include "agent/core/thread.h"
#include "agent/core/writer.h"

enum {
	CORE_MAP_HUGE_SHIFT = 26, /* in flags of mmap: log2 of the huge page's size */
	CORE_MAP_HUGE_MASK = 0x3f,
	CORE_HUGE_SHIFT_DEFAULT = 21,
};

static uint64_t core_round_size(uint64_t size, int flags)
{
	uint64_t page = sys_page_size();

	if (flags & SYS_MAP_HUGETLB) {
		unsigned shift = (unsigned)flags >> CORE_MAP_HUGE_SHIFT & CORE_MAP_HUGE_MASK;

		page = 1ull << (shift ? shift : CORE_HUGE_SHIFT_DEFAULT);
	}
	return ALIGN_UP(size, page);
}

static uint32_t core_map_flags(int flags, bool backing)
{
	uint32_t result = flags & SYS_MAP_ANONYMOUS ? MT_MAP_ANON : MT_MAP_FILE;

	/* MAP_SHARED_VALIDATE is both bits */
	if (flags & SYS_MAP_SHARED)
		result |= MT_MAP_SHARED;
	if (flags & (SYS_MAP_STACK | SYS_MAP_GROWSDOWN))
		result |= MT_MAP_STACK;
	if (flags & SYS_MAP_HUGETLB)
		result |= MT_MAP_HUGETLB;
	if (backing)
		result |= MT_MAP_BACKING;
	return result;
}

static void core_put_map_event(enum mt_event_type type, const struct maps_op *op, uint64_t addr,
			       uint64_t size, uint64_t aux)
{
	writer_put_event(&(struct mt_event){.type = (uint16_t)type,
					    .time_ns = op->time_ns,
					    .addr = addr,
					    .size = size,
					    .aux = aux,
					    .site = op->site,
					    .thread = (uint16_t)op->thread});
}

/* Takes the caller's stack if the call made something, applies it and puts it into the ring. */
static void core_apply(struct maps_op *op, bool has_site, bool backing, enum mt_event_type event,
		       uint64_t event_size, uint64_t aux)
{
	struct thread *thread = core_enter();

	if (!thread) {
		if (core_is_recording())
			writer_count_lost(&writer.header->lost_maps);
		return;
	}
	op->time_ns = sys_clock_coarse_ns();
	op->thread = thread->index;
	thread->mentioned = true;
	if (has_site)
		op->site = recorder_site(thread, MT_SITE_MMAP,
					 annotate_flags(thread) | (backing ? MT_STACK_BACKING : 0),
					 op->time_ns);
	if (has_site && thread->n_backing)
		op->flags |= MT_MAP_BACKING;
	maps_apply(thread, op);
	core_put_map_event(event, op, op->start, event_size, aux);
	thread_leave(thread);
}

void core_mapped(void *start, size_t size, int prot, int flags, int fd, bool backing)
{
	struct maps_op op = {
		.type = MAPS_OP_MAP,
		.start = (uintptr_t)start,
		.size = core_round_size(size, flags),
		.flags = core_map_flags(flags, backing),
		.prot = (uint32_t)prot,
	};

	core_apply(&op, true, backing, MT_EVENT_MAP, op.size, op.flags);
}

void core_unmapping(void *start, size_t size)
{
	struct maps_op op = {
		.type = MAPS_OP_UNMAP,
		.start = (uintptr_t)start,
		.size = core_round_size(size, 0),
	};

	core_apply(&op, false, false, MT_EVENT_UNMAP, op.size, 0);
}

void core_unmap_failed(void *start, size_t size)
{
	if (core_is_recording())
		writer_count_lost(&writer.header->lost_maps);
}

void core_remapped(void *old_start, size_t old_size, void *start, size_t size, int flags,
		   bool backing)
{
	struct maps_op op = {
		.type = MAPS_OP_REMAP,
		.start = (uintptr_t)start,
		.size = core_round_size(size, 0),
		.old_start = (uintptr_t)old_start,
		.old_size = core_round_size(old_size, 0),
		.flags = (uint32_t)flags,
		.prot = SYS_PROT_READ | SYS_PROT_WRITE,
	};

	core_apply(&op, op.old_size == 0 || op.size > op.old_size || flags, backing, MT_EVENT_REMAP,
		   op.size, op.old_start);
}

void core_break_moved(uintptr_t old_break, uintptr_t new_break, bool backing)
{
	struct maps_op op = {
		.type = MAPS_OP_BREAK,
		.start = ALIGN_UP(new_break, sys_page_size()),
		.old_start = ALIGN_UP(old_break, sys_page_size()),
		.flags = MT_MAP_ANON | MT_MAP_BRK | (backing ? MT_MAP_BACKING : 0),
		.prot = SYS_PROT_READ | SYS_PROT_WRITE,
	};

	if (op.start != op.old_start)
		core_apply(&op, op.start > op.old_start, backing, MT_EVENT_BRK, op.old_start, 0);
}

void core_advised(void *start, size_t size, int advice)
{
	struct thread *thread = core_enter();
	struct maps_op op = {.thread = thread ? thread->index : 0};

	if (!thread)
		return;
	thread->mentioned = true;
	op.time_ns = sys_clock_coarse_ns();
	core_put_map_event(MT_EVENT_MADVISE, &op, (uintptr_t)start, size,
			   (uint64_t)(unsigned)advice);
	thread_leave(thread);
}
