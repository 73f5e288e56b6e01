/* SPDX-License-Identifier: MIT */
/*
 * core.h: what the two agents (preloaded and injected) call of the freestanding core.
 *
 * The core records; it neither allocates for the program nor knows which functions are hooked. It
 * imports nothing, keeps its state in its own image and in private mappings, finds a thread's state by
 * the thread pointer, and may be entered from any thread, from signal handlers, and in children of
 * fork, vfork and raw clone.
 */
#ifndef AGENT_CORE_CORE_H
#define AGENT_CORE_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/modules.h"
#include "region/abi.h"

/* Addresses from start up to end. */
struct core_range {
	uintptr_t start, end;
};

#define CORE_SELDOM 5u

struct core_config {
	uint32_t mode;       /* enum mt_mode */
	uint32_t allocator;  /* enum mt_allocator */
	uint32_t sampling;   /* enum mt_sampling */
	uint64_t interval;   /* bytes; with MT_SAMPLING_AUTO what it begins with, 0: everything */
	bool watched;        /* somebody looks on; for MT_SAMPLING_AUTO */
	uint64_t max_memory; /* bytes: region and private tables together */
	uintptr_t vdso;      /* AT_SYSINFO_EHDR */
	uintptr_t main_stack_end; /* upper end of the main thread's stack, 0 if unknown */
	uintptr_t text_start,
		text_end;   /* the agent's own code: its frames are left out of stacks */
	uint64_t heap_root; /* for the header */
	bool tags; /* the allocator stores tags; otherwise the core looks blocks up by address */
	bool ignore_children; /* forked children record nothing */
	struct modules_loader loader;
	/*
	 * Read-only parts of libraries that are never unloaded, which are touched while everything is recorded
	 * and seldom afterwards (shed.h); unused ones are empty.
	 */
	struct core_range seldom[CORE_SELDOM];
	/*
	 * Hands the region's descriptor to whoever watches; the core closes it afterwards. Called once a
	 * region, in a process that is new to the region, on the thread of its first event. May be NULL.
	 * Returns a negative errno if it could not be handed over (the region stays usable).
	 */
	int (*handover)(int fd);
};

/*
 * Makes the region and starts recording. Returns 0, or -errno and records nothing: the program goes on
 * without. Called once; calls of the other functions before it do nothing.
 */
int core_start(const struct core_config *config);

/*
 * A block was allocated and the thread's countdown is used up, or the thread has none yet: then the first
 * distance is drawn, and the block recorded only if it reaches that far. Returns the block's tag, 0 if it
 * is not recorded, and the thread's next countdown in ret_next: the next call is due with the allocation
 * that makes the sum of the sizes asked for since (0 counts as 1) exceed it. So 0 is the very next
 * allocation, and INT64_MAX never.
 *
 *	next -= size ? size : 1;
 *	if (next < 0)
 *		tag = core_allocated(block, size, &next);
 */
uint32_t core_allocated(const void *block, size_t size, int64_t *ret_next);
/*
 * The same for an embedder who knows the frame of the program that asked: the stack and frame pointers that
 * it will have when the allocation function has returned, and where to. Trusted as long as pc is not in the
 * agent's code and sp is on the thread's stack. Finding the stack is quicker then.
 */
uint32_t core_allocated_for(const void *block, size_t size, int64_t *ret_next, uintptr_t sp,
			    uintptr_t fp, uintptr_t pc);
/* The block with that tag is about to be freed. */
void core_freed(const void *block, uint32_t tag);

/*
 * For allocators without tags. core_is_recorded is the filter that every free asks: a few
 * nanoseconds, never false for a recorded block. core_freed_address does nothing for others.
 */
bool core_is_recorded(const void *block);
void core_freed_address(const void *block);
/*
 * A block was freed that is not recorded. As long as every allocation has been, it is one from before
 * recording began, and is counted as that.
 */
void core_freed_unknown(void);

/*
 * Mapping calls, after they succeeded, on the thread that made them. backing says that the caller is
 * the program's allocator. core_unmapping comes before munmap, so that nobody else can have been given
 * the range meanwhile; when the kernel refuses afterwards, core_unmap_failed puts nothing back but counts
 * the range as lost (munmap fails only for bad arguments, which embedders check first, and at the limit
 * of mappings).
 */
void core_mapped(void *start, size_t size, int prot, int flags, int fd, bool backing);
void core_unmapping(void *start, size_t size);
void core_unmap_failed(void *start, size_t size);
void core_remapped(void *old_start, size_t old_size, void *start, size_t size, int flags,
		   bool backing);
void core_break_moved(uintptr_t old_break, uintptr_t new_break, bool backing);
void core_advised(void *start, size_t size, int advice);

/* The calling thread is ending. It may still allocate: it is then registered anew. */
void core_thread_ending(void);

/*
 * The process is exiting, or about to exec (REPLACED), or that failed (RUNNING again). Ignored in children
 * that have no region of their own, and in children of vfork.
 */
void core_set_state(enum mt_state state);
void core_set_header_flag(uint32_t flag);

/*
 * Looks whether this process is a forked child that has no region of its own yet. Called on every
 * recorded event by the core itself; an embedder calls it where it wants to know early.
 */
bool core_is_unclaimed_child(void);

/* Makes such a child's region now. */
void core_claim_child(void);

/*
 * The process put a system call filter in place that may kill it: from now on the core makes only those
 * calls that allocators make (mmap, munmap, mremap, madvise, futex, gettid, clock_gettime). Children that
 * have no region record nothing.
 */
void core_confine(void);

/*
 * The countdown of a thread that begins, as from core_allocated. For embedders who know when a thread
 * begins; it also tells the core that an address of thread-local storage has a new owner.
 */
int64_t core_first_distance(void);
/*
 * The caller has found that another thread goes on with this one's distance: what is recorded from now on is of that
 * thread. The distance stays, as what is left of one is distributed like a fresh one.
 */
void core_check_identity(void);

/* Writes the caller's stack for messages about corruption: frames as in unwind.h. */
unsigned core_backtrace(uint64_t *ret_frames, unsigned max);

#endif
