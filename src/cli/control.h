/* SPDX-License-Identifier: MIT */
/*
 * control.h: the one thing that a tool tells an agent, and asks it.
 */
#ifndef CLI_CONTROL_H
#define CLI_CONTROL_H

#include <sys/types.h>

/*
 * Asks the agent in the process to stop recording, for good; it does so at its next event. -ENODATA if
 * there is no agent in it, -EPROTO if what looks like its region is none, -ESRCH, -EPERM.
 */
int control_stop(pid_t pid);

/*
 * Whether its region is what a recording by injection has left, its own or its parent's: 1, 0, or -errno as
 * above.
 */
int control_is_leftover(pid_t pid);

#endif
