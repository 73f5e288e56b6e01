/* SPDX-License-Identifier: MIT */
/*
 * inspect.h: what can be seen of a living process without the help of an agent.
 */
#ifndef CLI_INSPECT_H
#define CLI_INSPECT_H

#include "cli/origin.h"
#include "process/space.h"
#include "profile/profile.h"

/*
 * Adds to the profile what /proc and the process's memory tell: its mappings, whose stacks they are,
 * what the runtimes in it have. What cannot be read is left out: the process may end meanwhile, or may
 * not be looked into. Nothing is stopped. Returns -ENOMEM or 0.
 */
int inspect_process(pid_t pid, struct profile *profile);

/* The same of a process of which a core is left. */
int inspect_core(const struct space *space, struct profile *profile);

/* A profile of a process without the agent: no sites, no blocks, and all of the above. */
int inspect_plain(const struct origin *origin, struct profile **ret);

#endif
