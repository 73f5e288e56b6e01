/* SPDX-License-Identifier: MIT */
/*
 * maps.h: mapping calls of the program, turned into entries of the region.
 */
#ifndef AGENT_CORE_MAPS_H
#define AGENT_CORE_MAPS_H

#include <stdbool.h>
#include <stdint.h>

enum maps_op_type { MAPS_OP_MAP, MAPS_OP_UNMAP, MAPS_OP_REMAP, MAPS_OP_BREAK };

/* One call that succeeded, with all that is needed to apply it later. */
struct maps_op {
	uint32_t type; /* enum maps_op_type */
	uint32_t site; /* of the caller */
	uint32_t thread;
	uint32_t flags; /* enum mt_map_flags; of REMAP those of mremap */
	uint32_t prot;
	uint64_t start, size;
	uint64_t old_start, old_size; /* of REMAP and, with sizes of 0, BREAK */
	uint64_t time_ns;
};

struct thread;

/* After writer_create. 0 or -errno. */
int maps_init(void);

/*
 * Applies the call, now or, if this is a handler that interrupted another call in the index, as soon as
 * that has finished. Inside thread_enter and thread_leave.
 */
void maps_apply(struct thread *thread, const struct maps_op *op);

/* In a forked child, after writer_create_child. False if there is no memory for it. */
bool maps_after_fork(void);

uint64_t maps_own_bytes(void);

#endif
