/* SPDX-License-Identifier: MIT */
/*
 * build.h: from a region's snapshot, a symbolizer and what /proc said, the profile.
 */
#ifndef PROFILE_BUILD_H
#define PROFILE_BUILD_H

#include "process/procinfo.h"
#include "profile/profile.h"
#include "region/region.h"
#include "symbolize/symbolizer.h"

/* info may be NULL: the process is gone, and the region's own words are all there is. symbolizer may be
 * NULL: frames then have addresses only. */
int profile_build(const struct region_snapshot *snapshot, const struct procinfo *info,
		  struct symbolizer *symbolizer, struct profile **ret);

#endif
