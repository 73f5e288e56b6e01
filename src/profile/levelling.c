/* SPDX-License-Identifier: MIT */
/*
 * The growth that decides is a median over the later half of the time, in which a place that fills up certainly grew.
 * So the two quarters of that half are compared. The first half is not: it has the start of the program in it.
 * Samples are few, so a difference counts only if it is beyond their error.
 */
#include "profile/levelling.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/macro.h"
#include "base/strbuf.h"
#include "profile/course.h"
#include "profile/label.h"
#include "profile/moment.h"

/* The last quarter brought less than this part of what the third did. */
static const double SLOWED = 0.5;
static const double LEAST_GAIN = 64 << 10;
static const double SURE_ERRORS = 2;

enum { HALF_WAY, LATER, END, N_TIMES };

static int add_site(const struct profile *profile, uint32_t site, const char *label,
		    const size_t moments[static N_TIMES], double held[static N_TIMES])
{
	_cleanup_(strbuf_deinit) struct strbuf own = {};
	size_t n;
	const struct profile_point *points = course_points(profile, site, &n);
	int r;

	if (n == 0)
		return 0;
	r = label_site(profile, &profile->sites[site], &own);
	if (r < 0 || strcmp(strbuf_text(&own), label) != 0)
		return r;
	for (int i = 0; i < N_TIMES; i++) {
		const double bytes = course_held(points, n, moments[i]);

		held[i] += isnan(bytes) ? 0 : bytes;
	}
	return 0;
}

static int sum_up(const struct profile *profile, const struct profile_site *place,
		  double held[static N_TIMES])
{
	const double from = profile->moments[0].at, span_s = course_span_s(profile);
	const size_t moments[N_TIMES] = {
		[HALF_WAY] = moment_nearest(profile, from + span_s / 2),
		[LATER] = moment_nearest(profile, from + 3 * span_s / 4),
		[END] = profile->n_moments - 1,
	};
	_cleanup_(strbuf_deinit) struct strbuf label = {};
	int r = label_site(profile, place, &label);

	for (uint32_t i = 0; r >= 0 && i < profile->n_sites; i++)
		if (profile->sites[i].kind == place->kind)
			r = add_site(profile, i, strbuf_text(&label), moments, held);
	return r;
}

int levelling_find(const struct profile *profile, const struct profile_site *place,
		   struct levelling *ret)
{
	double held[N_TIMES] = {}, third, last, error;
	int r;

	*ret = (struct levelling){};
	if (profile->n_moments == 0)
		return 0;
	r = sum_up(profile, place, held);
	if (r < 0)
		return r;
	third = held[LATER] - held[HALF_WAY];
	last = held[END] - held[LATER];
	if (third < LEAST_GAIN || last < 0)
		return 0;
	/* what came in a part of the time has that part of the variance */
	error = place->live_stderr *
		sqrt(MIN((third + last / (SLOWED * SLOWED)) / MAX((double)place->live_bytes, 1.0),
			 1.0));
	*ret = (struct levelling){
		.levels_off = SLOWED * third - last > SLOWED * SURE_ERRORS * error,
		.third = (uint64_t)third,
		.last = (uint64_t)last,
	};
	return 0;
}
