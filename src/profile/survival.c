/* SPDX-License-Identifier: MIT */
/*
 * What was allocated between two ages is the difference of the process's counter at two moments, with a
 * straight line between the moments that were kept; what of it is live, the blocks of those ages tell. A
 * class in which nothing was allocated says nothing and is left out. The oldest class goes on to the end of what was
 * watched if that is near: "10 s to 10 s ago" is of no use to anybody.
 */
#include "profile/survival.h"

#include "base/macro.h"
#include "profile/course.h"
#include "profile/estimate.h"

static const double bounds_s[SURVIVAL_CLASSES] = {0, 1, 10, 60, 600, 3600, 6 * 3600, 86400};

/* What is watched for less than so many times a bound ends there. */
static const double NEAR = 1.1;

static uint64_t live_between(const struct profile *profile, double from_s, double to_s)
{
	struct estimate live = {};

	for (size_t i = 0; i < profile->n_blocks; i++) {
		const struct profile_block *block = &profile->blocks[i];

		if (block->site != PROFILE_NO_SITE && block->age_s >= from_s &&
		    block->age_s < to_s && profile->sites[block->site].kind == MT_SITE_MALLOC)
			estimate_add(&live, block->size, block->interval);
	}
	return estimate_round(live.bytes);
}

size_t survival_make(const struct profile *profile, struct survival ret[SURVIVAL_CLASSES])
{
	const double span_s = course_span_s(profile);
	size_t n = 0;

	if (span_s < 1 || profile->n_blocks == 0)
		return 0;
	const double now = profile->moments[profile->n_moments - 1].at;

	for (size_t i = 0; i < SURVIVAL_CLASSES && bounds_s[i] * (i ? NEAR : 1) < span_s; i++) {
		const double next = i + 1 < SURVIVAL_CLASSES ? bounds_s[i + 1] : span_s;
		const double from_s = bounds_s[i], to_s = next * NEAR < span_s ? next : span_s;
		const double allocated = course_allocated(profile, now - from_s) -
					 course_allocated(profile, now - to_s);

		if (allocated < 1)
			continue;
		const uint64_t live = live_between(profile, from_s, to_s);

		/* estimates of both may differ in the last percent */
		ret[n++] =
			(struct survival){from_s, to_s, MAX(estimate_round(allocated), live), live};
	}
	return n;
}
