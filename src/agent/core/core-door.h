/* SPDX-License-Identifier: MIT */
/*
 * core-door.h: what core.c and core-maps.c share: the way in.
 */
#ifndef AGENT_CORE_CORE_DOOR_H
#define AGENT_CORE_CORE_DOOR_H

#include <stdbool.h>

#include "agent/core/thread.h"

/* Whether recording was started and is not stopped. */
bool core_is_recording(void);

/*
 * If recording is on, makes sure that this process has a region of its own and enters the calling
 * thread's state, which the caller leaves. NULL if nothing can be recorded.
 */
struct thread *core_enter(void);

#endif
