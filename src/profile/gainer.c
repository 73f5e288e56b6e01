/* SPDX-License-Identifier: MIT */
/*
 * Growth of a place is the median of slopes, which is zero for a block that was doubled once in that time, and
 * what its live blocks tell is nothing once they are freed. So two moments are compared: the middle of the time
 * that was watched, and the one behind it when most was resident.
 */
#include "profile/gainer.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/grow.h"
#include "base/macro.h"
#include "base/map.h"
#include "base/search.h"
#include "base/strbuf.h"
#include "profile/course.h"
#include "profile/label.h"

/* Of what RSS gained between the two. */
static const double EXPLAINS = 0.5;

static size_t find_middle(const struct profile *profile)
{
	const struct profile_moment *moments = profile->moments;
	const double middle = moments[0].at + course_span_s(profile) / 2;
	const size_t behind = SEARCH(profile->n_moments, i, moments[i].at < middle);

	return MIN(behind, profile->n_moments - 1);
}

/* Of all sites that read like one, in the order in which they were met. */
struct gains {
	struct string_pool *names;
	struct map by_label; /* pointer in names: index */
	struct gainer *gainers;
	size_t n;
};

static void gains_deinit(struct gains *gains)
{
	gains->names = string_pool_free(gains->names);
	map_deinit(&gains->by_label);
	free(gains->gainers);
}

static int add_gain(struct gains *gains, const struct profile *profile,
		    const struct profile_site *site, double before, double after)
{
	_cleanup_(strbuf_deinit) struct strbuf label = {};
	uint64_t *index;
	int r = label_site(profile, site, &label);
	const char *name = r < 0 ? NULL : string_pool_add(gains->names, strbuf_text(&label));

	if (!name)
		return -ENOMEM;
	r = map_add(&gains->by_label, (uintptr_t)name, gains->n, &index);
	if (r < 0)
		return r;
	if (r > 0) {
		if (GROW(gains->gainers, gains->n) < 0)
			return -ENOMEM;
		gains->gainers[gains->n++] = (struct gainer){.site = site};
	}
	gains->gainers[*index].half_way += (uint64_t)before;
	gains->gainers[*index].highest += (uint64_t)after;
	return 0;
}

static int collect(const struct profile *profile, size_t from, size_t to, struct gains *gains)
{
	int r = 0;

	gains->names = string_pool_new();
	if (!gains->names)
		return -ENOMEM;
	for (uint32_t i = 0; r >= 0 && i < profile->n_sites; i++) {
		const struct profile_site *site = &profile->sites[i];
		size_t n;
		const struct profile_point *points = course_points(profile, i, &n);
		const double before = course_held(points, n, from),
			     after = course_held(points, n, to);

		/* what is not known has not changed; what stood still may be of a place that gained */
		if (profile_site_is_counted(site) && (before > 0 || after > 0))
			r = add_gain(gains, profile, site, before, after);
	}
	return r;
}

int gainer_find(const struct profile *profile, struct gainer *ret)
{
	const size_t to = course_highest(profile, COURSE_RSS);
	_cleanup_(gains_deinit) struct gains gains = {};
	struct gainer best = {};
	double least, most = 0;
	size_t from;
	int r;

	*ret = best;
	if (to == PROFILE_NO_MOMENT)
		return 0;
	from = find_middle(profile);
	if (to <= from)
		return 0;
	least = EXPLAINS * (course_figure(&profile->moments[to], COURSE_RSS) -
			    course_figure(&profile->moments[from], COURSE_RSS));
	r = collect(profile, from, to, &gains);
	for (size_t i = 0; r >= 0 && i < gains.n; i++) {
		const struct gainer *gainer = &gains.gainers[i];
		const double gain = (double)gainer->highest - (double)gainer->half_way;

		if (gain <= most || gain < least)
			continue;
		most = gain;
		best = *gainer;
	}
	*ret = best;
	return r;
}
