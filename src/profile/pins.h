/* SPDX-License-Identifier: MIT */
/*
 * pins.h: who owns the blocks that keep free memory from going back.
 */
#ifndef PROFILE_PINS_H
#define PROFILE_PINS_H

#include <stdbool.h>
#include <stdint.h>

#include "process/arenas.h"
#include "profile/profile.h"

/* What the agent knows of a pin's blocks. */
struct pin_owner {
	uint32_t
		site; /* index in sites: of those that have blocks in the pin, the one with the most bytes */
	uint64_t address, size; /* one of its blocks: the oldest */
	double age_s;           /* of that block */
	uint64_t n_blocks;      /* of this site that were recorded, not all that there are */
};

/* false: none of the pin's blocks was recorded. */
bool pin_owner_find(const struct profile *profile, const struct arena_pin *pin,
		    struct pin_owner *ret);

/*
 * Whose freed block raised glibc's mmap threshold: a place whose blocks are of the size that it was raised to,
 * within two pages. NULL if that is not known.
 */
const struct profile_site *pins_find_raiser(const struct profile *profile);

#endif
