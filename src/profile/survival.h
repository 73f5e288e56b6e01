/* SPDX-License-Identifier: MIT */
/*
 * survival.h: of what was allocated so long ago, how much is still live. Of a program that is well it falls
 * towards nothing with age; where it stays on a level, that part of all that is allocated is never freed.
 */
#ifndef PROFILE_SURVIVAL_H
#define PROFILE_SURVIVAL_H

#include <stddef.h>
#include <stdint.h>

#include "profile/profile.h"

enum { SURVIVAL_CLASSES = 8 };

struct survival {
	double from_s, to_s;      /* ages, younger first */
	uint64_t allocated, live; /* bytes of malloc that are that old */
};

/*
 * As many classes as the time that the process was watched covers, the youngest first; 0 if it was not, or for
 * less than a second, or no block is known.
 */
size_t survival_make(const struct profile *profile, struct survival ret[SURVIVAL_CLASSES]);

#endif
