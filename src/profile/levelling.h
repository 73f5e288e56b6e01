/* SPDX-License-Identifier: MIT */
/*
 * levelling.h: whether the growth of a place is coming to its end: a leak goes on as it did, a cache that is
 * nearly full comes to stand still.
 */
#ifndef PROFILE_LEVELLING_H
#define PROFILE_LEVELLING_H

#include <stdbool.h>
#include <stdint.h>

#include "profile/profile.h"

struct levelling {
	bool levels_off;      /* for certain, as far as samples tell */
	uint64_t third, last; /* bytes gained in the third and in the last quarter of the time */
};

/*
 * Of all sites that read like place, which may be one that is the sum of several (places.h). Without a course it
 * does not level off. -ENOMEM.
 */
int levelling_find(const struct profile *profile, const struct profile_site *place,
		   struct levelling *ret);

#endif
