/* SPDX-License-Identifier: MIT */
/*
 * Readings of the later half are picked, as evenly in time as they lie, because a series is dense towards
 * its end and would otherwise only tell of that. The bounds are Sen's: the number of pairs that rise less
 * those that fall (Kendall's S) has a known variance under "no trend", n(n-1)(2n+5)/18, and that tells how
 * far from the middle of the sorted slopes the true one may lie.
 */
#include "profile/growth.h"

#include <stdlib.h>

#include "base/macro.h"

/* Of the normal distribution, for 95 % on both sides together. */
static const double Z_95 = 1.959964;

struct readings {
	double times[GROWTH_MAX], values[GROWTH_MAX];
	size_t n;
};

/* The reading that is nearest to each of GROWTH_MAX moments of [from, to]. */
static void pick(const double *times, const double *values, size_t n, struct readings *ret)
{
	const double to = times[n - 1], from = times[0] + (to - times[0]) / 2;
	size_t i = 0, last = SIZE_MAX;

	ret->n = 0;
	for (size_t k = 0; k < GROWTH_MAX; k++) {
		const double wanted = from + (to - from) * (double)k / (GROWTH_MAX - 1);

		while (i + 1 < n && fabs(times[i + 1] - wanted) <= fabs(times[i] - wanted))
			i++;
		if (i == last || times[i] < from || isnan(values[i]))
			continue;
		last = i;
		ret->times[ret->n] = times[i];
		ret->values[ret->n++] = values[i];
	}
}

static int compare_slopes(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static size_t find_slopes(const struct readings *readings, double *slopes)
{
	size_t n = 0;

	for (size_t i = 0; i < readings->n; i++)
		for (size_t j = i + 1; j < readings->n; j++)
			if (readings->times[j] > readings->times[i])
				slopes[n++] = (readings->values[j] - readings->values[i]) /
					      (readings->times[j] - readings->times[i]);
	qsort(slopes, n, sizeof(*slopes), compare_slopes);
	return n;
}

struct growth growth_estimate(const double *times, const double *values, size_t n)
{
	double slopes[GROWTH_MAX * (GROWTH_MAX - 1) / 2];
	struct readings readings = {};
	size_t n_slopes;
	double count, margin;

	if (n >= GROWTH_MIN)
		pick(times, values, n, &readings);
	n_slopes = readings.n >= GROWTH_MIN ? find_slopes(&readings, slopes) : 0;
	if (n_slopes == 0)
		return GROWTH_UNKNOWN;
	count = (double)readings.n;
	margin = Z_95 * sqrt(count * (count - 1) * (2 * count + 5) / 18);
	const double below = ((double)n_slopes - margin) / 2, above = below + margin;

	const struct growth growth = {
		.per_s = (slopes[(n_slopes - 1) / 2] + slopes[n_slopes / 2]) / 2,
		.low = slopes[(size_t)MAX(below, 0.0)],
		.high = slopes[MIN((size_t)above + 1, n_slopes - 1)],
	};

	/* two readings of a damaged file may lie next to nothing apart */
	return isfinite(growth.per_s) && isfinite(growth.low) && isfinite(growth.high)
		       ? growth
		       : GROWTH_UNKNOWN;
}
