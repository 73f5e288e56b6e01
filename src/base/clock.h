/* SPDX-License-Identifier: MIT */
/*
 * clock.h: clocks as one number. CLOCK_MONOTONIC, CLOCK_REALTIME and those of CPU time cannot fail.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec now = {};

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static inline double clock_s(clockid_t clock)
{
	struct timespec now = {};

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

#endif
