/* SPDX-License-Identifier: MIT */
/*
 * locator.h: the stacks of a region as locations and frames of a profile: named, the allocation
 * functions at the inner end cut off, and with an identity that lasts.
 */
#ifndef PROFILE_LOCATOR_H
#define PROFILE_LOCATOR_H

#include <stdint.h>

#include "base/map.h"
#include "profile/profile.h"
#include "region/region.h"
#include "symbolize/symbolizer.h"

struct locator {
	struct profile *profile;
	const struct region_snapshot *snapshot;
	struct symbolizer *symbolizer; /* may be NULL */
	uint32_t *modules;             /* the region's index: index in the profile */
	uint32_t *symbolizer_modules;  /* index in the profile: the symbolizer's */
	struct map locations;          /* frame as recorded: index in the profile's locations */
	struct map trimmed;            /* the same, without inlined allocation functions */
};

/* Adds the snapshot's modules to the profile. The arguments must outlive the locator. */
int locator_init(struct locator *locator, struct profile *profile,
		 const struct region_snapshot *snapshot, struct symbolizer *symbolizer);
void locator_deinit(struct locator *locator);

/*
 * Adds a site's stack to the end of the profile's location_refs. Returns how many there are in ret_n and
 * the identity of kind and stack in ret_id. It is made of build IDs and offsets, and of names where code
 * has no file, so that the same binaries give the same identity in another process, at another address.
 */
int locator_add_stack(struct locator *locator, const struct mt_site *site, uint32_t *ret_n,
		      uint64_t *ret_id);

#endif
