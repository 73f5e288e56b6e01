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

/*
 * info may be NULL: the process is gone, and the region's own words are all there is. symbolizer may be
 * NULL: frames then have addresses only.
 *
 * The moment of the profile is the snapshot's taken_ns, or the end of the process if it announced that.
 * A region cannot tell _exit from a signal: without info and without an announced end the state is
 * PROFILE_KILLED, and whoever waited for the process corrects state, exit_status and signal. The
 * caller also adds maps_text if it has read it.
 *
 * Returns -E2BIG if there is more than 32-bit indices can tell apart, -ENOMEM.
 */
int profile_build(const struct region_snapshot *snapshot, const struct procinfo *info,
		  struct symbolizer *symbolizer, struct profile **ret);

#endif
