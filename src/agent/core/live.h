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

struct live_block {
	uint64_t size;
	uint32_t site;
	uint32_t interval;
};

/* After writer_create. 0 or -errno. */
int live_init(uint64_t start_ns);

/* A free slot for the caller, 0 if there is none. live_drop gives it back unused. */
uint32_t live_take(struct thread *thread);
void live_drop(struct thread *thread, uint32_t slot);

/* Fills a slot that live_take gave; it is visible when this returns. */
void live_publish(uint32_t slot, uintptr_t addr, const struct live_block *block, uint32_t thread,
		  uint64_t now_ns);

/* If the slot holds the block at addr: takes it out, frees the slot and tells what it was. */
bool live_remove(struct thread *thread, uint32_t slot, uintptr_t addr, struct live_block *ret);

/* The address in a slot, 0 if it is free. */
uintptr_t live_address(uint32_t slot);

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

#endif
