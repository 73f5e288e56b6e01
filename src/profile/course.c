/* SPDX-License-Identifier: MIT */
/*
 * Points stand by site, and those of a site by moment, with one only where something changed, so a site is
 * found by halving and its course is drawn out again where all of it is wanted.
 */
#include "profile/course.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "base/search.h"

/* From so short a time no growth is told: it is the start of a program. */
static const double SPAN_MIN_S = 1;

double course_figure(const struct profile_moment *moment, enum course_figure figure)
{
	switch (figure) {
	case COURSE_RSS:
		return profile_known(moment->rss);
	case COURSE_LIVE:
		return profile_known(moment->live);
	default:
		return fmax(profile_known(moment->anon) - profile_known(moment->live),
			    moment->anon == PROFILE_UNKNOWN || moment->live == PROFILE_UNKNOWN
				    ? (double)NAN
				    : 0.0);
	}
}

double course_span_s(const struct profile *profile)
{
	if (profile->n_moments == 0)
		return 0;
	return profile->moments[profile->n_moments - 1].at - profile->moments[0].at;
}

size_t course_highest(const struct profile *profile, enum course_figure figure)
{
	size_t highest = PROFILE_NO_MOMENT;
	double most = -1;

	for (size_t i = 0; i < profile->n_moments; i++) {
		const double value = course_figure(&profile->moments[i], figure);

		if (value > most) {
			most = value;
			highest = i;
		}
	}
	return highest;
}

double course_allocated(const struct profile *profile, double at)
{
	const struct profile_moment *moments = profile->moments;
	const size_t next = SEARCH(profile->n_moments, i, moments[i].at < at);
	const struct profile_moment *from, *to;

	if (next == 0)
		return (double)moments[0].allocated;
	from = &moments[next - 1];
	if (next == profile->n_moments)
		return (double)from->allocated;
	to = &moments[next];
	return (double)from->allocated + (at - from->at) / (to->at - from->at) *
						 ((double)to->allocated - (double)from->allocated);
}

static int make_times(const struct profile *profile, double **ret)
{
	double *times = calloc(profile->n_moments + 1, sizeof(*times));

	if (!times)
		return -ENOMEM;
	for (size_t i = 0; i < profile->n_moments; i++)
		times[i] = profile->moments[i].at;
	*ret = times;
	return 0;
}

/*
 * What is live is itself an estimate, and all readings share their samples, so that they agree with
 * each other more than with the truth. The part of what is live that came in the time that counts, its
 * later half, has that part of the estimate's variance; it adds to the bounds as independent errors do.
 */
static struct growth widen(struct growth growth, uint64_t live_bytes, double live_stderr,
			   double span_s)
{
	const double time_s = span_s / 2, live = MAX((double)live_bytes, 1.0);
	const double part = MIN(fabs(growth.per_s) * time_s / live, 1.0);
	const double error = 1.96 * live_stderr * sqrt(part) / time_s;

	growth.low = growth.per_s - hypot(growth.per_s - growth.low, error);
	growth.high = growth.per_s + hypot(growth.high - growth.per_s, error);
	return growth;
}

struct growth course_growth(const struct profile *profile, enum course_figure figure)
{
	const struct profile_heap *heap = &profile->heap;
	_cleanup_free_ double *times = NULL, *values = NULL;
	struct growth growth;

	if (course_span_s(profile) < SPAN_MIN_S || make_times(profile, &times) < 0)
		return GROWTH_UNKNOWN;
	values = calloc(profile->n_moments, sizeof(*values));
	if (!values)
		return GROWTH_UNKNOWN;
	for (size_t i = 0; i < profile->n_moments; i++)
		values[i] = course_figure(&profile->moments[i], figure);
	growth = growth_estimate(times, values, profile->n_moments);
	if (figure == COURSE_LIVE && !isnan(growth.per_s))
		growth = widen(growth, heap->live_bytes, heap->live_stderr, course_span_s(profile));
	return growth;
}

const struct profile_point *course_points(const struct profile *profile, uint32_t site,
					  size_t *ret_n)
{
	size_t first = 0, end = profile->n_points, last;

	while (first < end) {
		const size_t middle = first + (end - first) / 2;

		if (profile->points[middle].site < site)
			first = middle + 1;
		else
			end = middle;
	}
	for (last = first; last < profile->n_points && profile->points[last].site == site;)
		last++;
	*ret_n = last - first;
	return profile->points + first;
}

double course_held(const struct profile_point *points, size_t n, size_t moment)
{
	const size_t behind = SEARCH(n, i, points[i].moment <= moment);

	return behind ? (double)points[behind - 1].live_bytes : (double)NAN;
}

/* Live bytes at each moment, NAN before the first point. */
static void draw_out(const struct profile_point *points, size_t n_points, size_t n_moments,
		     double *values)
{
	double value = (double)NAN;
	size_t next = 0;

	for (size_t i = 0; i < n_moments; i++) {
		if (next < n_points && points[next].moment == i)
			value = (double)points[next++].live_bytes;
		values[i] = value;
	}
}

int course_find_growth(struct profile *profile)
{
	const bool tells = course_span_s(profile) >= SPAN_MIN_S;
	_cleanup_free_ double *times = NULL, *values = NULL;
	int r = make_times(profile, &times);

	values = calloc(profile->n_moments + 1, sizeof(*values));
	if (r < 0 || !values)
		return -ENOMEM;
	for (uint32_t i = 0; i < profile->n_sites; i++) {
		struct profile_site *site = &profile->sites[i];
		struct growth growth = GROWTH_UNKNOWN;
		size_t n;
		const struct profile_point *points = course_points(profile, i, &n);

		if (tells && n > 0) {
			draw_out(points, n, profile->n_moments, values);
			growth = growth_estimate(times, values, profile->n_moments);
			if (!isnan(growth.per_s))
				growth = widen(growth, site->live_bytes, site->live_stderr,
					       course_span_s(profile));
		}
		site->growth = growth.per_s;
		site->growth_low = growth.low;
		site->growth_high = growth.high;
	}
	return 0;
}
