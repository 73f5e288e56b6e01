/* SPDX-License-Identifier: MIT */
/*
 * What a series does not keep is made unknown rather than left as it was later. Variances are not kept: at a
 * mean interval of R bytes a place that holds B in blocks far smaller than R has B/R samples of about R bytes each, and
 * so a variance of B·R, which is an upper bound for larger blocks.
 */
#include "profile/moment.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "profile/course.h"
#include "profile/rank.h"

size_t moment_nearest(const struct profile *profile, double at)
{
	size_t nearest = 0;

	for (size_t i = 1; i < profile->n_moments; i++)
		if (fabs(profile->moments[i].at - at) < fabs(profile->moments[nearest].at - at))
			nearest = i;
	return nearest;
}

static double error_of(const struct profile *profile, uint64_t bytes)
{
	const uint64_t interval = profile->agent.interval;

	if (profile->agent.exact || interval == PROFILE_UNKNOWN)
		return 0;
	return sqrt((double)bytes * (double)interval);
}

static void set_site(const struct profile *profile, uint32_t index, size_t moment)
{
	struct profile_site *site = &profile->sites[index];
	const struct profile_point *points, *point = NULL;
	size_t n;

	points = course_points(profile, index, &n);
	for (size_t i = 0; i < n && points[i].moment <= moment; i++)
		point = &points[i];
	site->live_bytes = point ? point->live_bytes : 0;
	site->live_blocks = point ? point->live_blocks : 0;
	site->allocated_bytes = MAX(point ? point->allocated_bytes : 0, site->live_bytes);
	site->allocated_blocks = MAX(point ? point->allocated_blocks : 0, site->live_blocks);
	site->freed_bytes = site->allocated_bytes - site->live_bytes;
	site->freed_blocks = site->allocated_blocks - site->live_blocks;
	site->live_stderr = site->kind == MT_SITE_MALLOC ? error_of(profile, site->live_bytes) : 0;
	site->oldest_age_s = site->youngest_age_s = -1;
	site->n_samples = 0;
	site->first_thread = site->n_threads = 0;
}

static uint64_t set_heap(struct profile *profile, const struct profile_moment *moment)
{
	struct profile_heap *heap = &profile->heap;
	uint64_t known = 0;

	*heap = (struct profile_heap){
		.live_bytes = moment->live,
		.allocated_bytes = MAX(moment->allocated, moment->live),
		.live_stderr = error_of(profile, moment->live),
		.peak_live_bytes = 0,
		.before_attach_bytes = heap->before_attach_bytes,
	};
	for (size_t i = 0; i < profile->n_moments; i++)
		heap->peak_live_bytes =
			MAX(heap->peak_live_bytes, profile->moments[i].highest_live);
	for (size_t i = 0; i < profile->n_sites; i++) {
		const struct profile_site *site = &profile->sites[i];

		if (site->kind == MT_SITE_MALLOC) {
			known += site->live_bytes;
			heap->live_blocks += site->live_blocks;
			heap->allocated_blocks += site->allocated_blocks;
		} else if (profile_site_is_counted(site) && !(site->map_flags & MT_MAP_FILE)) {
			heap->mapped_bytes += site->live_bytes;
		}
	}
	heap->freed_bytes = heap->allocated_bytes - heap->live_bytes;
	heap->freed_blocks = heap->allocated_blocks - heap->live_blocks;
	return moment->live > known ? moment->live - known : 0;
}

static void set_process(struct profile_process *process, const struct profile_moment *moment)
{
	process->state = PROFILE_RUNNING;
	process->exit_status = -1;
	process->signal = 0;
	process->captured_at = moment->at;
	process->n_threads = PROFILE_UNKNOWN;
	process->rss = moment->rss;
	process->pss = process->uss = process->swap = process->vsz = PROFILE_UNKNOWN;
	process->peak_rss = PROFILE_UNKNOWN;
}

/* What is known of the end only. */
static void forget(struct profile *profile)
{
	profile->arenas = arenas_free(profile->arenas);
	free(profile->maps_text);
	profile->maps_text = NULL;
	profile->n_areas = profile->n_blocks = profile->n_thread_refs = 0;
	profile->n_recorded_sites = 0;
}

/* Points behind the moment go. */
static void cut_points(struct profile *profile, size_t moment)
{
	size_t n = 0;

	for (size_t i = 0; i < profile->n_points; i++)
		if (profile->points[i].moment <= moment)
			profile->points[n++] = profile->points[i];
	profile->n_points = n;
}

int moment_go_to(struct profile *profile, size_t moment, uint64_t *ret_rest)
{
	int r;

	for (uint32_t i = 0; i < profile->n_sites; i++)
		set_site(profile, i, moment);
	forget(profile);
	cut_points(profile, moment);
	r = rank_sites(profile);
	if (r < 0)
		return r;
	profile->n_moments = moment + 1;
	while (profile->n_marks > 0 &&
	       profile->marks[profile->n_marks - 1].at > profile->moments[moment].at)
		profile->n_marks--;
	set_process(&profile->process, &profile->moments[moment]);
	*ret_rest = set_heap(profile, &profile->moments[moment]);
	return course_find_growth(profile);
}
