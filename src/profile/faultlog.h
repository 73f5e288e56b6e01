/* SPDX-License-Identifier: MIT */
/*
 * faultlog.h: sampled page faults, gathered as if an agent had recorded them: each stack is a site, each
 * page that was touched and is still resident a block of it. A page that was given back and touched again
 * counts anew. What comes out is a snapshot like that of a region, so that everything that draws and
 * keeps profiles serves for it.
 *
 * It takes at most some 20 MB, however long it lasts: when there are too many pages, those that went are
 * forgotten, and then every second one stands for two.
 */
#ifndef PROFILE_FAULTLOG_H
#define PROFILE_FAULTLOG_H

#include "process/faults.h"
#include "process/memory.h"
#include "process/stackwalk.h"
#include "region/region.h"

struct faultlog; /* opaque */

/* walk follows the stacks; it stays the caller's, and has to outlive the log. -ENOMEM. */
int faultlog_new(pid_t pid, struct stackwalk *walk, struct faultlog **ret);
struct faultlog *faultlog_free(struct faultlog *log);

/* When it began, and of whom. */
const struct mt_header *faultlog_header(const struct faultlog *log);

/* -ENOMEM. */
int faultlog_add(struct faultlog *log, const struct faults_sample *sample);

/*
 * What is known now; memory says which pages are resident, NULL counts all as such. The caller deinits the
 * snapshot. -ENOMEM.
 */
int faultlog_snapshot(struct faultlog *log, struct memory *memory, struct region_snapshot *ret);

#endif
