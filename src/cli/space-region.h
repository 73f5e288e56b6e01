/* SPDX-License-Identifier: MIT */
/*
 * space-region.h: the agent's region in a process or in a core file, read where it is mapped.
 */
#ifndef CLI_SPACE_REGION_H
#define CLI_SPACE_REGION_H

#include "process/space.h"
#include "region/region.h"

/* -ENODATA if there is none; the rest as in region.h. The space has to outlive the region. */
int space_region_open(const struct space *space, struct region **ret);

/* Where the fast allocator's root is in the process; 0 if the process has none or does not say. */
uint64_t space_region_heap_root(const struct space *space);

#endif
