/* SPDX-License-Identifier: MIT */
/*
 * remedy.h: what gives back what a function of libc has allocated, where that is not free.
 */
#ifndef PROFILE_REMEDY_H
#define PROFILE_REMEDY_H

#include "profile/profile.h"

/*
 * The call that is missing for what a site holds: "regfree", "pthread_join or pthread_detach"; NULL if it is
 * free, or not known. Only what the place that label_site names has called counts.
 */
const char *remedy_find(const struct profile *profile, const struct profile_site *site);

#endif
