/* SPDX-License-Identifier: MIT */
/*
 * confine.h: processes that lock themselves in with a seccomp filter.
 *
 * A filter may kill the process for a system call that it does not expect. What the agent does while it
 * records are calls that any malloc makes; but a forked child makes a region of its own (memfd_create,
 * socket, ...), and whether a filter is in force cannot be asked without risk. So the functions that put
 * a filter in place are watched: prctl, and syscall for seccomp(2), which has no function in libc.
 *
 * Before the filter, a child that has no region yet gets one. Children that are forked behind it record
 * nothing, and programs that are started behind it go without the agent.
 */
#ifndef AGENT_PRELOAD_CONFINE_H
#define AGENT_PRELOAD_CONFINE_H

#include <stdbool.h>

/* Finds the C library's functions. May be called again. */
void confine_find(void);

/* Whether a filter was put in place in this process or one that it was forked from. */
bool confine_is_in_force(void);

/*
 * Where the exported stub of syscall(2), which jumps because a call like clone must not come back
 * through a frame of ours, goes with prctl and seccomp; and where it goes with all others (NULL until
 * the agent has started: then to confine_syscall too).
 */
long confine_syscall(long number, long a, long b, long c, long d, long e, long f);
extern long (*confine_next_syscall)(long number, ...);

#endif
