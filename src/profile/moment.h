/* SPDX-License-Identifier: MIT */
/*
 * moment.h: a profile taken back to a moment of the time that it was watched, as far as a series tells: who
 * held how much. Blocks, ages, mappings and arenas of then are not known.
 */
#ifndef PROFILE_MOMENT_H
#define PROFILE_MOMENT_H

#include <stddef.h>
#include <stdint.h>

#include "profile/profile.h"

/* The moment nearest to a time in seconds since the epoch; there has to be one. */
size_t moment_nearest(const struct profile *profile, double at);

/*
 * Makes the profile what it was at that moment: the process runs, later moments are not there, sites are
 * ranked anew. Sites that were not followed then hold nothing; ret_rest says how many bytes of malloc are so
 * nobody's. Standard errors are those of small blocks. -ENOMEM, and the profile is only good to be freed.
 */
int moment_go_to(struct profile *profile, size_t moment, uint64_t *ret_rest);

#endif
