/* SPDX-License-Identifier: MIT */
/*
 * top-list.c: the keys of all sites are kept beside each other, in the order of the profile, and a key is made anew
 * only where something has changed. What is looked at each time is these keys, and nothing of the sites
 * themselves, which lie far apart.
 *
 * Growth as it is shown costs a microsecond a site. So the change between the ends of the last minute is taken
 * of all, and growth only of those where that is highest: what grows steadily is among them.
 */
#include "cli/top-list.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "cli/top.h"

enum { N_REFINED = 512 };

struct top_list *top_list_free(struct top_list *list)
{
	if (!list)
		return NULL;
	free(list->all);
	free(list->rows);
	free(list->matches);
	free(list);
	return NULL;
}

/* ---- what is shown ---- */

/* A place is in many stacks and is asked once. */
static int find_matches(struct top *top, struct top_list *list)
{
	const struct profile *profile = top->shot->profile;
	_cleanup_free_ unsigned char *known = NULL;

	if (list->matches && list->matches_shot == top->n_shots &&
	    list->matches_filter == top->n_filters)
		return 0;
	free(list->matches);
	list->matches = NULL;
	if (!top->options.grep)
		return 0;
	known = calloc(profile->n_locations + 1, 1);
	list->matches = calloc(profile->n_sites + 1, 1);
	if (!known || !list->matches)
		return -ENOMEM;
	for (size_t i = 0; i < profile->n_sites; i++) {
		const struct profile_site *site = &profile->sites[i];

		for (uint32_t l = 0; l < site->n_locations && !list->matches[i]; l++) {
			const uint32_t location = profile->location_refs[site->first_location + l];

			if (!known[location])
				known[location] = view_location_matches(
							  profile, &profile->locations[location],
							  top->options.grep)
							  ? 2
							  : 1;
			list->matches[i] = known[location] == 2;
		}
	}
	list->matches_shot = top->n_shots;
	list->matches_filter = top->n_filters;
	return 0;
}

/* How it grows; growth as it is shown is taken later, where this is high. */
static double drift_of(const struct top *top, const struct top_site *beside)
{
	const struct top_series *series =
		beside->series == TOP_NONE ? NULL : &top->series[beside->series];
	const double drift = series ? top_series_drift(series, &top->looks) : NAN;

	return isnan(drift) ? -1e300 : drift;
}

static double key_of(const struct top *top, const struct profile_site *site,
		     const struct top_site *beside)
{
	const struct top_was *was = top_find_was(top, site);

	switch (top->options.sort) {
	case RENDER_SORT_GROWTH:
		return drift_of(top, beside);
	case RENDER_SORT_ALLOCATED:
		return (double)site->allocated_bytes;
	case RENDER_SORT_AGE:
		/* top_age without the moment, which is the same for all */
		return site->oldest_age_s < 0 ? -1e300 : site->oldest_age_s - beside->aged_s;
	case RENDER_SORT_BLOCKS:
		return (double)site->live_blocks - (double)(was ? was->live_blocks : 0);
	default:
		return (double)site->live_bytes - (double)(was ? was->live_bytes : 0);
	}
}

static bool is_shown(const struct top *top, const struct top_list *list, uint32_t index)
{
	const struct profile_site *site = &top->shot->profile->sites[index];

	return (site->live_bytes > 0 || site->live_blocks > 0 || top_find_was(top, site)) &&
	       profile_site_is_counted(site) && (!list->matches || list->matches[index]);
}

/* ---- all keys ---- */

static void make_key(const struct top *top, struct top_list *list, uint32_t index)
{
	struct top_row *row = &list->all[index];

	row->key = is_shown(top, list, index)
			   ? key_of(top, &top->shot->profile->sites[index], &top->sites[index])
			   : NAN;
}

void top_list_touch(const struct top *top, uint32_t index)
{
	struct top_list *list = top->list;

	if (list && index < list->n_all)
		make_key(top, list, index);
}

void top_list_forget(struct top *top)
{
	if (top->list)
		top->list->n_all = 0;
}

/* Of those that are shown: without a change to its value a site's drift falls all the same. */
static void renew_drifts(const struct top *top, struct top_list *list)
{
	for (size_t i = 0; i < list->n_all; i++)
		if (!isnan(list->all[i].key))
			list->all[i].key = drift_of(top, &top->sites[i]);
}

static int make_all(const struct top *top, struct top_list *list)
{
	const struct profile *profile = top->shot->profile;

	list->n_all = 0;
	if (list->capacity < profile->n_sites) {
		free(list->all);
		list->capacity = 0;
		list->all = calloc(profile->n_sites, sizeof(*list->all));
		if (!list->all)
			return -ENOMEM;
		list->capacity = profile->n_sites;
	}
	for (size_t i = 0; i < profile->n_sites; i++) {
		list->all[i] = (struct top_row){0, profile->sites[i].id, (uint32_t)i};
		make_key(top, list, (uint32_t)i);
	}
	list->n_all = profile->n_sites;
	list->sort = top->options.sort;
	list->shot = top->n_shots;
	list->filter = top->n_filters;
	return 0;
}

static bool is_of_now(const struct top *top, const struct top_list *list)
{
	return list->n_all > 0 && list->sort == top->options.sort && list->shot == top->n_shots &&
	       list->filter == top->n_filters;
}

/* ---- what is seen of them ---- */

/* How many rows have to be in order so that the selected one is where it belongs, with what is around it. */
static size_t count_wanted(const struct top *top, const struct top_list *list)
{
	const struct top_row *selected = NULL;
	size_t n_before = 0;

	for (size_t i = 0; i < list->n_all && !selected; i++)
		if (list->all[i].id == top->selected && !isnan(list->all[i].key))
			selected = &list->all[i];
	for (size_t i = 0; selected && i < list->n_all; i++)
		n_before += top_order_is_before(&list->all[i], selected);
	return MAX(n_before + (size_t)MAX(top->rows, 1) * 2, top->n_wanted);
}

/* What is sure first, then what is kept of it, then the slope itself: small parts tell them apart. */
static double rank_growth(const struct top *top, const struct profile_site *site)
{
	const struct top_growth growth = top_growth(top, site);

	return growth.sure + growth.kept * 1e-4 + growth.slope * 1e-9;
}

/* In place of the drift: growth, where that is high, and for those behind at most none. */
static void refine(const struct top *top, struct top_list *list)
{
	for (size_t i = 0; i < list->n_rows; i++) {
		struct top_row *row = &list->rows[i];
		double growth = MIN(row->key, 0.0);

		if (i < N_REFINED)
			growth = rank_growth(top, &top->shot->profile->sites[row->site]);
		row->key = isnan(growth) ? -1e300 : growth;
	}
	top_order(list->rows, list->n_rows, list->n_rows);
}

static int pick(const struct top *top, struct top_list *list)
{
	const bool by_growth = list->sort == RENDER_SORT_GROWTH;
	size_t n_wanted = MIN(count_wanted(top, list), list->n_all);
	int r;

	free(list->rows);
	list->rows = NULL;
	list->n_rows = 0;
	/* as many again may fall behind when they are looked at closely */
	if (by_growth)
		n_wanted += N_REFINED;
	r = top_order_pick(list->all, list->n_all, n_wanted, &list->rows, &list->n_rows);
	if (r >= 0 && by_growth)
		refine(top, list);
	return r;
}

int top_list_make(struct top *top)
{
	struct top_list *list;
	int r;

	if (!top->list)
		top->list = calloc(1, sizeof(*top->list));
	if (!top->list)
		return -ENOMEM;
	list = top->list;
	r = find_matches(top, list);
	if (r < 0)
		return r;
	if (!is_of_now(top, list)) {
		r = make_all(top, list);
		if (r < 0)
			return r;
	} else if (list->sort == RENDER_SORT_GROWTH && list->look != top->n_looks) {
		renew_drifts(top, list);
	}
	list->look = top->n_looks;
	return pick(top, list);
}
