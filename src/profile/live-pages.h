/* SPDX-License-Identifier: MIT */
/*
 * live-pages.h: which pages live blocks are in: what no allocator, whichever it is, can give back.
 */
#ifndef PROFILE_LIVE_PAGES_H
#define PROFILE_LIVE_PAGES_H

#include <stdint.h>

#include "profile/profile.h"

/*
 * Bytes of the pages that hold at least a byte of a live block of malloc. Known only if every block was
 * recorded: PROFILE_UNKNOWN elsewhere. -ENOMEM.
 */
int live_pages_count(const struct profile *profile, uint64_t *ret);

#endif
