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
 * Adds to the profile what the process's memory tells: whose stacks the stacks are, what allocators and
 * runtimes have. heap_root: where the agent's region says that its allocator is; 0 if nowhere. What
 * cannot be read is left out. Returns -ENOMEM or 0.
 */
int inspect_space(const struct space *space, uint64_t heap_root, struct profile *profile);

/*
 * The same of a living process, and its mappings. It may end meanwhile, or may not be looked into; nothing
 * is stopped.
 */
int inspect_process(pid_t pid, uint64_t heap_root, struct profile *profile);

/* The same of a process of which a core is left. */
int inspect_core(const struct space *space, struct profile *profile);

/*
 * Reads the arenas of the program's own allocator again, and stops the process for some milliseconds
 * where they change faster than they can be read. The old ones stay if that fails.
 */
int inspect_arenas(pid_t pid, struct profile *profile);

/* A profile of a process without the agent: no sites, no blocks, and all of the above. */
int inspect_plain(const struct origin *origin, struct profile **ret);

#endif
