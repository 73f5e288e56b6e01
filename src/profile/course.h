/* SPDX-License-Identifier: MIT */
/*
 * course.h: the time series of a profile (series.h gathers it), read: what a site held at each moment, how
 * fast it grew, what was live when it was most.
 */
#ifndef PROFILE_COURSE_H
#define PROFILE_COURSE_H

#include "profile/growth.h"
#include "profile/profile.h"

/* A figure of the process at a moment; NAN if it is not known. */
enum course_figure {
	COURSE_RSS,
	COURSE_LIVE,
	COURSE_RETAINED, /* resident without a file, and in no live block */
};
double course_figure(const struct profile_moment *moment, enum course_figure figure);

/* How that figure grew. */
struct growth course_growth(const struct profile *profile, enum course_figure figure);

/* The moment at which a figure was highest, PROFILE_NO_MOMENT if it is never known. */
#define PROFILE_NO_MOMENT SIZE_MAX
size_t course_highest(const struct profile *profile, enum course_figure figure);

/* Seconds from the first moment to the last, 0 if there are none. */
double course_span_s(const struct profile *profile);

/* Bytes that had been allocated at a time (seconds since the epoch), within the moments; there has to be one. */
double course_allocated(const struct profile *profile, double at);

/*
 * A site's points, in order of time: there is one wherever something changed. The site holds what its last
 * point says; before its first one it is not known.
 */
const struct profile_point *course_points(const struct profile *profile, uint32_t site,
					  size_t *ret_n);

/* Bytes that a site of these points held at a moment; NAN where that is not known. */
double course_held(const struct profile_point *points, size_t n, size_t moment);

/* Fills in growth, growth_low and growth_high of every site. -ENOMEM. */
int course_find_growth(struct profile *profile);

#endif
