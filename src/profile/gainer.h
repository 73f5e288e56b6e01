/* SPDX-License-Identifier: MIT */
/*
 * gainer.h: the place that gained most while what is resident grew, whatever its blocks look like now: one
 * block that is made larger and larger, or many that were all freed just before the process ended.
 */
#ifndef PROFILE_GAINER_H
#define PROFILE_GAINER_H

#include <stdint.h>

#include "profile/profile.h"

struct gainer {
	/* a site of the place; NULL: no place explains half of what RSS gained */
	const struct profile_site *site;
	/* bytes that all sites which read like it held half way, and when most was resident */
	uint64_t half_way, highest;
};

/* From the profile's moments and points; site is NULL if there are none. -ENOMEM. */
int gainer_find(const struct profile *profile, struct gainer *ret);

#endif
