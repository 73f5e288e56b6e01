/* SPDX-License-Identifier: MIT */
/*
 * sample-arenas.h: arenas made by hand, for the tests of those who read them.
 */
#ifndef TESTS_UNIT_SAMPLE_ARENAS_H
#define TESTS_UNIT_SAMPLE_ARENAS_H

#include "process/arenas.h"

/*
 * Three arenas of glibc: the main one, used by thread 4711, with a block of site 0 of sample_profile as
 * its pin; number 1, used by 4712 and 4713, with a pin of three blocks that nobody recorded; and two
 * blocks with mappings of their own.
 */
struct arenas *sample_arenas(uint64_t pinned_block);

#endif
