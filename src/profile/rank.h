/* SPDX-License-Identifier: MIT */
/*
 * rank.h: the order of a profile's sites.
 */
#ifndef PROFILE_RANK_H
#define PROFILE_RANK_H

#include "profile/profile.h"

/*
 * Puts the sites in order: who holds most first, then who allocated most, then by id, so that the order of two runs is
 * the same. Blocks, points and recorded_sites name them by their new places. -ENOMEM, and nothing was changed.
 */
int rank_sites(struct profile *profile);

#endif
