/* SPDX-License-Identifier: MIT */
/*
 * rank.c: sites have their place in the ranking for a name, so whoever names them is told the new one.
 */
#include "profile/rank.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"

static int compare_sites(const void *a, const void *b, void *sites)
{
	const struct profile_site *x = (struct profile_site *)sites + *(const uint32_t *)a;
	const struct profile_site *y = (struct profile_site *)sites + *(const uint32_t *)b;

	if (x->live_bytes != y->live_bytes)
		return x->live_bytes < y->live_bytes ? 1 : -1;
	if (x->allocated_bytes != y->allocated_bytes)
		return x->allocated_bytes < y->allocated_bytes ? 1 : -1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static int compare_points(const void *a, const void *b)
{
	const struct profile_point *x = a, *y = b;

	if (x->site != y->site)
		return x->site < y->site ? -1 : 1;
	return x->moment < y->moment ? -1 : x->moment > y->moment;
}

static void rename_sites(struct profile *profile, const uint32_t *rank)
{
	for (size_t i = 0; i < profile->n_blocks; i++)
		if (profile->blocks[i].site != PROFILE_NO_SITE)
			profile->blocks[i].site = rank[profile->blocks[i].site];
	for (size_t i = 0; i < profile->n_recorded_sites; i++)
		if (profile->recorded_sites[i] != PROFILE_NO_SITE)
			profile->recorded_sites[i] = rank[profile->recorded_sites[i]];
	for (size_t i = 0; i < profile->n_points; i++)
		profile->points[i].site = rank[profile->points[i].site];
	if (profile->n_points > 0)
		qsort(profile->points, profile->n_points, sizeof(*profile->points), compare_points);
}

int rank_sites(struct profile *profile)
{
	const size_t n = profile->n_sites;
	_cleanup_free_ uint32_t *order = calloc(n + 1, sizeof(*order));
	_cleanup_free_ uint32_t *rank = calloc(n + 1, sizeof(*rank));
	_cleanup_free_ struct profile_site *sorted = calloc(n + 1, sizeof(*sorted));

	if (!order || !rank || !sorted)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		order[i] = (uint32_t)i;
	qsort_r(order, n, sizeof(*order), compare_sites, profile->sites);
	for (size_t i = 0; i < n; i++) {
		sorted[i] = profile->sites[order[i]];
		rank[order[i]] = (uint32_t)i;
	}
	rename_sites(profile, rank);
	free(profile->sites);
	profile->sites = TAKE_PTR(sorted);
	return 0;
}
