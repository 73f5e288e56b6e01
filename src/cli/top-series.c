/* SPDX-License-Identifier: MIT */
/*
 * top-series.c: see the header. Points are kept in a ring that begins small. The value between two points is
 * that of the earlier one.
 */
#include "cli/top-series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

/* HALF_POINTS: of fewer a half says nothing */
enum { FIRST_CAPACITY = 4, SLOPE_POINTS = 16, HALF_POINTS = 4 };

void top_looks_add(struct top_looks *looks, double time_s)
{
	looks->time_s[looks->n++ % TOP_SERIES_POINTS] = time_s;
}

double top_looks_back(const struct top_looks *looks, uint32_t i)
{
	return looks->time_s[(looks->n - 1 - i) % TOP_SERIES_POINTS];
}

uint32_t top_looks_count(const struct top_looks *looks, double since_s)
{
	uint32_t n = 0, held = MIN(looks->n, (uint32_t)TOP_SERIES_POINTS);
	double first_s;

	if (held == 0)
		return 0;
	first_s = MAX(since_s, top_looks_back(looks, 0) - TOP_SERIES_S);
	/* halves what is between those that count and those that do not */
	while (n < held) {
		const uint32_t middle = n + (held - n) / 2;

		if (top_looks_back(looks, middle) >= first_s)
			n = middle + 1;
		else
			held = middle;
	}
	return n;
}

void top_series_deinit(struct top_series *series)
{
	free(series->points);
	*series = (struct top_series){};
}

static struct top_point *point_at(const struct top_series *series, uint32_t i)
{
	return &series->points[i % series->capacity];
}

static uint32_t oldest(const struct top_series *series)
{
	return series->n_points - MIN(series->n_points, series->capacity);
}

/* Until it has its full size nothing was overwritten, so that points stay where they are. */
static void grow(struct top_series *series)
{
	const uint32_t wanted = series->capacity ? series->capacity * 4 : FIRST_CAPACITY;
	struct top_point *points;

	if (series->n_points < series->capacity || series->capacity >= TOP_SERIES_POINTS)
		return;
	points = reallocarray(series->points, wanted, sizeof(*points));
	if (!points)
		return;
	/* a ring that could not grow before was written around */
	if (series->n_points > series->capacity)
		series->n_points = 0;
	series->points = points;
	series->capacity = wanted;
}

static void put(struct top_series *series, double time_s, uint64_t value)
{
	grow(series);
	if (series->capacity == 0)
		return;
	*point_at(series, series->n_points) = (struct top_point){time_s, value};
	series->n_points++;
}

void top_series_add(struct top_series *series, double time_s, uint64_t value)
{
	if (series->since_s == 0) {
		series->since_s = time_s;
	} else if (value != series->last) {
		/* what it was before its first change */
		if (series->n_points == 0)
			put(series, series->since_s, series->last);
		put(series, time_s, value);
	}
	series->last = value;
}

uint64_t top_series_at(const struct top_series *series, double time_s)
{
	uint32_t i = series->n_points;

	if (i == 0)
		return series->last;
	while (i > oldest(series))
		if (point_at(series, --i)->time_s <= time_s)
			return point_at(series, i)->value;
	return point_at(series, oldest(series))->value;
}

static int compare_doubles(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median_slope(const struct top_point *points, unsigned n)
{
	double slopes[SLOPE_POINTS * (SLOPE_POINTS - 1) / 2];
	unsigned n_slopes = 0;

	for (unsigned i = 0; i < n; i++)
		for (unsigned j = i + 1; j < n; j++)
			if (points[j].time_s > points[i].time_s)
				slopes[n_slopes++] =
					((double)points[j].value - (double)points[i].value) /
					(points[j].time_s - points[i].time_s);
	if (n_slopes == 0)
		return NAN;
	qsort(slopes, n_slopes, sizeof(*slopes), compare_doubles);
	return n_slopes % 2 ? slopes[n_slopes / 2]
			    : (slopes[n_slopes / 2 - 1] + slopes[n_slopes / 2]) / 2;
}

/* The standard error of the slope of the line of least squares; 0 where points are too few to tell. */
static double slope_error(const struct top_point *points, unsigned n)
{
	double time = 0, value = 0, tt = 0, tv = 0, vv = 0;

	if (n < 3)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		/* from the first on: squares of what is left are exact enough */
		time += (points[i].time_s - points[0].time_s) / n;
		value += (double)points[i].value / n;
	}
	for (unsigned i = 0; i < n; i++) {
		const double t = points[i].time_s - points[0].time_s - time;
		const double v = (double)points[i].value - value;

		tt += t * t;
		tv += t * v;
		vv += v * v;
	}
	return tt > 0 ? sqrt(MAX(vv - tv * tv / tt, 0.0) / (n - 2) / tt) : 0;
}

/* What of a slope is beyond so many errors, which are themselves not known well if points are few; not below 0. */
static double beyond(const struct top_point *points, unsigned n, double slope, double errors)
{
	if (n > 2)
		errors *= 1 + 2.0 / (n - 2);
	return MAX(slope - errors * slope_error(points, n), 0.0);
}

/* The same of all points and, with half the errors, of their later half, whichever is less. sign: 1 or -1 */
static double least(const struct top_point *points, unsigned n, double sign, double errors)
{
	const unsigned half = n - n / 2;
	const struct top_point *later = points + n - half;
	const double whole = beyond(points, n, sign * median_slope(points, n), errors);

	if (half < HALF_POINTS)
		return whole;
	return MIN(whole, beyond(later, half, sign * median_slope(later, half), errors / 2));
}

struct top_growth top_points_growth(const struct top_point *points, unsigned n, double kept)
{
	const unsigned used = MIN(n, (unsigned)SLOPE_POINTS);
	struct top_growth growth = {median_slope(points, used), 0, 0};
	const double sign = growth.slope < 0 ? -1 : 1;

	if (isnan(growth.slope))
		return growth;
	if (kept > 0)
		growth.kept = MAX(MIN(kept, growth.slope), 0.0);
	if (isnan(kept))
		growth.sure = sign * least(points, used, sign, 2);
	else
		growth.sure = sign * MAX(least(points, used, sign, 4),
					 MIN(least(points, used, sign, 1), sign * kept));
	return growth;
}

struct top_growth top_series_growth(const struct top_series *series, const struct top_looks *looks,
				    double kept)
{
	const uint32_t held = top_looks_count(looks, series->since_s);
	const uint32_t n = MIN(held, (uint32_t)SLOPE_POINTS);
	struct top_point points[SLOPE_POINTS];

	if (series->since_s == 0 || n < 2)
		return (struct top_growth){.slope = NAN};
	if (series->n_points == 0)
		return (struct top_growth){};
	for (uint32_t i = 0; i < n; i++) {
		/* evenly over what is held, from the oldest to the newest */
		const double time_s = top_looks_back(looks, held - 1 - i * (held - 1) / (n - 1));

		points[i] = (struct top_point){time_s, top_series_at(series, time_s)};
	}
	return top_points_growth(points, n, kept);
}

double top_series_drift(const struct top_series *series, const struct top_looks *looks)
{
	double begin_s, end_s;

	if (series->since_s == 0 || looks->n < 2 || top_looks_back(looks, 1) < series->since_s)
		return NAN;
	if (series->n_points == 0)
		return 0;
	begin_s = top_looks_back(looks, top_looks_count(looks, series->since_s) - 1);
	end_s = top_looks_back(looks, 0);
	if (end_s <= begin_s)
		return NAN;
	return ((double)series->last - (double)top_series_at(series, begin_s)) / (end_s - begin_s);
}
