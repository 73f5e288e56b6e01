/* SPDX-License-Identifier: MIT */
/*
 * sample-profile.h: a small profile with one of everything, made by hand, for the tests of those who
 * read profiles.
 */
#ifndef TESTS_UNIT_SAMPLE_PROFILE_H
#define TESTS_UNIT_SAMPLE_PROFILE_H

#include "profile/profile.h"

/*
 * "leaky" ran 12.5 s and exited with 0. Exact figures. Sites, by rank:
 *	0  1 MiB in 4 blocks: make_node inlined into build_list, main, libc
 *	1  64 KiB mapping, 1 range: map_cache, main
 *	2  1,960 bytes in 40 blocks of 49: strdup in libc, parse_line, main
 *	3  nothing live, 4,000 bytes once allocated: stripped code of an unloaded plugin, JIT code, main
 */
struct profile *sample_profile(void);

/* The same process running, site 0 sampled at 64 KiB: figures of site 0 and the heap have an error. */
struct profile *sample_profile_estimated(void);

/* The same, watched each half second: RSS grows by 1 MiB a second, site 0 by 80,000 bytes, the others not at all. */
struct profile *sample_profile_watched(void);

#endif
