/* SPDX-License-Identifier: MIT */
/*
 * Growth of a place is the median of slopes, which is zero for a block that was doubled once in that time, and
 * what its live blocks tell is nothing once they are freed. So two moments are compared: the middle of the time
 * that was watched, and the one behind it when most was resident.
 */
#include "profile/gainer.h"

#include <math.h>

#include "profile/course.h"

/* Of what RSS gained between the two. */
static const double EXPLAINS = 0.5;

static size_t find_middle(const struct profile *profile)
{
	const struct profile_moment *moments = profile->moments;
	const double middle = moments[0].at + course_span_s(profile) / 2;
	size_t i = 0;

	while (i + 1 < profile->n_moments && moments[i].at < middle)
		i++;
	return i;
}

/* What a site held at a moment: what its last point until then says; NAN if there is none. */
static double held_at(const struct profile_point *points, size_t n, size_t moment)
{
	double bytes = (double)NAN;

	for (size_t i = 0; i < n && points[i].moment <= moment; i++)
		bytes = (double)points[i].live_bytes;
	return bytes;
}

static bool is_counted(const struct profile_site *site)
{
	return profile_site_is_counted(site) && !(site->map_flags & (MT_MAP_FILE | MT_MAP_BRK));
}

struct gainer gainer_find(const struct profile *profile)
{
	const size_t to = course_highest(profile, COURSE_RSS);
	struct gainer best = {};
	double least, most = 0;
	size_t from;

	if (to == PROFILE_NO_MOMENT)
		return best;
	from = find_middle(profile);
	if (to <= from)
		return best;
	least = EXPLAINS * (course_figure(&profile->moments[to], COURSE_RSS) -
			    course_figure(&profile->moments[from], COURSE_RSS));
	for (uint32_t i = 0; i < profile->n_sites; i++) {
		const struct profile_site *site = &profile->sites[i];
		size_t n;
		const struct profile_point *points = course_points(profile, i, &n);
		const double before = held_at(points, n, from), after = held_at(points, n, to);

		/* what is not known is not more than anything */
		if (!is_counted(site) || !(after - before > most) || !(after - before >= least))
			continue;
		most = after - before;
		best = (struct gainer){site, (uint64_t)before, (uint64_t)after};
	}
	return best;
}
