/* SPDX-License-Identifier: MIT */
/*
 * holders.h: which threads hold blocks of a site.
 */
#ifndef PROFILE_HOLDERS_H
#define PROFILE_HOLDERS_H

#include "profile/profile.h"

/* Fills in the threads of all sites from the blocks; the profile has none yet, and its sites are ranked. -ENOMEM. */
int holders_find(struct profile *profile);

#endif
