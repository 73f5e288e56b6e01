/* SPDX-License-Identifier: MIT */
/* build-state.h: a profile while it is built: what build.c and build-sites.c share. */
#ifndef PROFILE_BUILD_STATE_H
#define PROFILE_BUILD_STATE_H

#include <stdint.h>

#include "base/map.h"
#include "profile/estimate.h"
#include "profile/locator.h"
#include "profile/profile.h"
#include "region/region.h"

/* What adds up for a site before it is rounded. */
struct sum {
	struct estimate live;
	uint64_t allocated_blocks; /* in 1/MT_BLOCKS_ONE */
	double oldest_s, youngest_s;
};

struct builder {
	struct profile *profile;
	const struct region_snapshot *snapshot;
	struct locator locator;
	struct map by_id; /* identity: index in sites */
	uint32_t *sites;  /* the region's index: index in sites */
	struct sum *sums; /* beside sites */
	uint64_t moment_ns;
	struct estimate heap; /* live, all sites of malloc */
	struct estimate inherited;
};

/*
 * Enters the region's sites, with their stacks, flags and what was ever allocated there, and makes builder->sites and
 * builder->sums. -ENOMEM, or an error of the locator.
 */
int build_sites(struct builder *builder);

#endif
