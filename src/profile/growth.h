/* SPDX-License-Identifier: MIT */
/*
 * growth.h: how fast something grows, told from figures that jump about: the median of the slopes between
 * all pairs of readings (Theil 1950, Sen 1968). Up to three readings in ten may be anything without
 * moving it far, so neither a start nor a burst nor one bad estimate makes a trend.
 */
#ifndef PROFILE_GROWTH_H
#define PROFILE_GROWTH_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

struct growth {
	double per_s;     /* NAN if there are too few readings to tell */
	double low, high; /* the slope is within, with a confidence of 95 %; NAN as above */
};
#define GROWTH_UNKNOWN \
	((struct growth){.per_s = (double)NAN, .low = (double)NAN, .high = (double)NAN})

enum {
	GROWTH_MIN = 6,  /* readings; with fewer no slope is certain */
	GROWTH_MAX = 64, /* that are looked at; of more, so many that are evenly spread in time */
};

/*
 * times (seconds) ascend; readings that are NAN are passed over. Of a course of readings the second half
 * counts: what happened at the start is not what goes on.
 */
struct growth growth_estimate(const double *times, const double *values, size_t n);

/* Whether it grows for certain. */
static inline bool growth_is_certain(const struct growth *growth)
{
	return growth->low > 0;
}

#endif
