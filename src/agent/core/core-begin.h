/* SPDX-License-Identifier: MIT */
/*
 * core-begin.h: what core.c and core-begin.c share: whether recording has begun, and where its doors are.
 */
#ifndef AGENT_CORE_CORE_BEGIN_H
#define AGENT_CORE_CORE_BEGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macro.h"

enum core_phase { CORE_NOT_STARTED, CORE_RECORDING, CORE_STOPPED };

/* Private to the process: a child that may not record stops alone. */
struct core_state {
	uint32_t
		phase; /* enum core_phase; a release by core_start, after which the tables are there */
	bool children_ignored;
	bool is_confined;
	int (*handover)(int fd);
	uintptr_t text_start, text_end; /* the agent's own code */
};
extern struct core_state core_state _hidden_;

/*
 * Gives a forked child a region of its own, if nobody has yet, in which case recording goes on: true. False if this
 * call cannot be recorded, or the child cannot be.
 */
bool core_claim(void);

#endif
