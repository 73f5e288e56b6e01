/* SPDX-License-Identifier: MIT */
/*
 * inspect.h: what can be seen of a living process without the help of an agent.
 */
#ifndef CLI_INSPECT_H
#define CLI_INSPECT_H

#include <stdbool.h>

#include "cli/origin.h"
#include "process/space.h"
#include "profile/profile.h"
#include "region/abi.h"

/*
 * Adds to the profile what the process's memory tells: whose stacks the stacks are, what allocators and
 * runtimes have. header: of the agent's region, which says where its allocator and its own memory are; NULL if
 * there is none. What cannot be read is left out. Returns -ENOMEM or 0.
 */
int inspect_space(const struct space *space, const struct mt_header *header,
		  struct profile *profile);

/*
 * The same of a living process, and its mappings. It may not be looked into, or may end meanwhile: then
 * the profile is left without them. Nothing is stopped.
 */
int inspect_process(pid_t pid, const struct mt_header *header, struct profile *profile);

/*
 * A running process that maps, unmaps or allocates a lot may not be read at the first attempt. Where its
 * arenas are missing or not whole, they are read again; may_stop: in the end with the process stopped for
 * the moments of each reading. The old ones stay if that fails. -ENOMEM or 0.
 */
int inspect_again(struct profile *profile, bool may_stop);

/* A profile of a process without the agent: no sites, no blocks, and all of the above. */
int inspect_plain(const struct origin *origin, struct profile **ret);

#endif
