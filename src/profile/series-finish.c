/* SPDX-License-Identifier: MIT */
/*
 * series-finish.c: a series becomes the moments, points and marks of a profile.
 *
 * A site of the profile is one or more of the region's, and what it held at a row is the sum of what they
 * did. A point is written only where something changed: the one before holds until then. Where a site was not
 * yet followed, and had been there before, it has no points.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/macro.h"
#include "profile/course.h"
#include "profile/series-state.h"
#include "profile/series.h"

/* What a site of the profile held at each row: the sum over the region's sites that are one there. */
struct site_course {
	struct figures *figures; /* one a row */
	size_t known_from;       /* the first row that counts */
};

static int add_slot(const struct series *series, uint32_t slot, struct site_course *course)
{
	const struct slot *from = &series->slots[slot];

	if (!course->figures) {
		course->figures = calloc(series->n_rows + 1, sizeof(*course->figures));
		if (!course->figures)
			return -ENOMEM;
	}
	for (size_t i = 0; i < series->n_rows; i++) {
		const struct row *row = &series->rows[i];
		struct figures *to = &course->figures[i];

		if (row->number < from->since) {
			if (!from->whole)
				course->known_from = MAX(course->known_from, i + 1);
			continue;
		}
		if (slot >= row->n_figures)
			continue;
		to->live_bytes += row->figures[slot].live_bytes;
		to->live_blocks += row->figures[slot].live_blocks;
		to->allocated_bytes += row->figures[slot].allocated_bytes;
		to->allocated_blocks += row->figures[slot].allocated_blocks;
	}
	return 0;
}

/* A point where something changed; the one before holds until then. */
static int add_points(const struct site_course *course, size_t n_rows, uint32_t site,
		      struct profile *profile)
{
	for (size_t i = course->known_from; course->figures && i < n_rows; i++) {
		const struct figures *now = &course->figures[i];

		if (i > course->known_from && memcmp(now, now - 1, sizeof(*now)) == 0)
			continue;
		if (GROW(profile->points, profile->n_points) < 0)
			return -ENOMEM;
		profile->points[profile->n_points++] = (struct profile_point){
			.site = site,
			.moment = (uint32_t)i,
			.live_bytes = now->live_bytes,
			.live_blocks = now->live_blocks,
			.allocated_bytes = now->allocated_bytes,
			.allocated_blocks = now->allocated_blocks,
		};
	}
	return 0;
}

static int take_moments(const struct series *series, struct profile *profile)
{
	profile->moments = calloc(series->n_rows + 1, sizeof(*profile->moments));
	if (!profile->moments)
		return -ENOMEM;
	for (size_t i = 0; i < series->n_rows; i++)
		profile->moments[i] = series->rows[i].moment;
	profile->n_moments = series->n_rows;
	return 0;
}

static int compare_marks(const void *a, const void *b)
{
	const struct profile_mark *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

static int take_marks(const struct series *series, struct profile *profile)
{
	profile->marks = calloc(series->n_marks + 1, sizeof(*profile->marks));
	if (!profile->marks)
		return -ENOMEM;
	for (size_t i = 0; i < series->n_marks; i++) {
		const char *name = string_pool_add(profile->strings, series->marks[i].name);

		if (!name)
			return -ENOMEM;
		profile->marks[profile->n_marks++] =
			(struct profile_mark){.at = series->marks[i].at, .name = name};
	}
	qsort(profile->marks, profile->n_marks, sizeof(*profile->marks), compare_marks);
	return 0;
}

static int take_sites(const struct series *series, struct site_course *courses,
		      struct profile *profile)
{
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < series->n_slots; i++) {
		const uint32_t site = series->slots[i].site;

		if (site >= profile->n_recorded_sites ||
		    profile->recorded_sites[site] == PROFILE_NO_SITE)
			continue;
		r = add_slot(series, i, &courses[profile->recorded_sites[site]]);
	}
	for (uint32_t i = 0; r >= 0 && i < profile->n_sites; i++)
		r = add_points(&courses[i], series->n_rows, i, profile);
	return r;
}

int series_finish(const struct series *series, struct profile *profile)
{
	_cleanup_free_ struct site_course *courses = calloc(profile->n_sites + 1, sizeof(*courses));
	int r = courses ? take_moments(series, profile) : -ENOMEM;

	if (r >= 0)
		r = take_marks(series, profile);
	if (r >= 0)
		r = take_sites(series, courses, profile);
	for (size_t i = 0; courses && i < profile->n_sites; i++)
		free(courses[i].figures);
	return r < 0 ? r : course_find_growth(profile);
}
