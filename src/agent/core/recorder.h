/* SPDX-License-Identifier: MIT */
/*
 * recorder.h: one sampled block, from its stack to its slot and back.
 *
 * All of these run between thread_enter and thread_leave, in a process that has a region of its own.
 */
#ifndef AGENT_CORE_RECORDER_H
#define AGENT_CORE_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/core.h"
#include "agent/core/thread.h"

/* After writer_create. 0 or -errno. */
int recorder_init(const struct core_config *config);

/* The site of the caller's stack; 0 if there is no room. flags are enum mt_stack_flags to begin with. */
uint32_t recorder_site(struct thread *thread, enum mt_site_kind kind, unsigned flags,
		       uint64_t now_ns);

/*
 * Decides, records if so, draws the next distance. Returns the slot or 0. caller is the frame of the program
 * that asked, if it is known.
 */
uint32_t recorder_allocated(struct thread *thread, uintptr_t addr, uint64_t size,
			    const struct unwind_caller *caller, int64_t *ret_next);

/*
 * Blocks of a pool of the program's own, which are found by address. In the index their addresses have one
 * more bit: the first block of a chunk begins where the chunk does.
 */
static const uintptr_t RECORDER_POOL_KEY = (uintptr_t)1 << 62;
void recorder_pool_allocated(struct thread *thread, uintptr_t addr, uint64_t size);
void recorder_pool_freed(struct thread *thread, uintptr_t addr);

/* slot 0 means: known to be recorded, but not found. */
void recorder_freed(struct thread *thread, uintptr_t addr, uint32_t slot);

/* Draws the thread's first distance. */
int64_t recorder_arm(struct thread *thread);

/* In a forked child: its region gets what was live at the fork. False if there is no memory for it. */
bool recorder_after_fork(void);

#endif
