/* SPDX-License-Identifier: MIT */
/*
 * observe.h: looks at a process that is recorded, again and again, and gathers what it sees in a series.
 */
#ifndef CLI_OBSERVE_H
#define CLI_OBSERVE_H

#include <stdint.h>
#include <sys/types.h>

#include "profile/series.h"
#include "region/region.h"

/*
 * The moments that the process has named since event *since, which goes on: before what is looked
 * at next. What cannot be read is left out.
 */
void observe_marks(struct series *series, struct region *region, uint64_t *since);

/*
 * Adds what the region and /proc say now. Nothing is stopped or disturbed. -ESRCH if the process is gone
 * and the region with it; an error is no reason to give up, the next look may do better.
 */
int observe_region(struct series *series, struct region *region, pid_t pid);
/* The same of a region that was read already. */
int observe_counted(struct series *series, const struct region_snapshot *counted, pid_t pid);

/* What this thread has worked: on a busy machine a look takes long and costs little. */
uint64_t observe_spent_ns(void);

#endif
