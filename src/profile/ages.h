/* SPDX-License-Identifier: MIT */
/*
 * ages.h: how places came to hold what they hold, told by the ages of their blocks, and by what they held over
 * time where somebody watched.
 */
#ifndef PROFILE_AGES_H
#define PROFILE_AGES_H

#include <stddef.h>

#include "profile/profile.h"

enum ages_kind {
	AGES_OTHER, /* set up once, worked with just now, or too little to tell */
	AGES_GATHERING, /* grows for certain, or of every age alike, up to now, through a good part of life */
	AGES_BOUNDED, /* what comes in replaces what was there */
};

/* One for each site; the caller frees. NULL if there is no memory. */
enum ages_kind *ages_judge(const struct profile *profile);

#endif
