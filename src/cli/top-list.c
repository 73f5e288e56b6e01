/* SPDX-License-Identifier: MIT */
/*
 * top-list.c: of a hundred thousand sites fifty are seen. Only those are put in order: the rest is parted from
 * them by selection, which takes a time that grows with the number of sites and not faster.
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

enum { N_REFINED = 512, FEW = 16 };

struct top_list *top_list_free(struct top_list *list)
{
	if (!list)
		return NULL;
	free(list->rows);
	free(list->matches);
	free(list);
	return NULL;
}

/* ---- order ---- */

static bool is_before(const struct top_row *a, const struct top_row *b)
{
	return a->key != b->key ? a->key > b->key : a->id < b->id;
}

static int compare_rows(const void *a, const void *b)
{
	return is_before(a, b) ? -1 : is_before(b, a);
}

static void swap(struct top_row *a, struct top_row *b)
{
	const struct top_row kept = *a;

	*a = *b;
	*b = kept;
}

/* Hoare's partition around the median of three: returns an end of the left part, neither part is empty. */
static size_t part(struct top_row *rows, size_t n)
{
	struct top_row *first = rows, *middle = rows + n / 2, *last = rows + n - 1, pivot;
	size_t i = 0, j = n - 1;

	if (is_before(middle, first))
		swap(middle, first);
	if (is_before(last, middle))
		swap(last, middle);
	if (is_before(middle, first))
		swap(middle, first);
	pivot = *middle;
	for (;; i++, j--) {
		while (is_before(&rows[i], &pivot))
			i++;
		while (is_before(&pivot, &rows[j]))
			j--;
		if (i >= j)
			return j + 1;
		swap(&rows[i], &rows[j]);
	}
}

void top_list_order(struct top_row *rows, size_t n, size_t n_wanted)
{
	size_t begin = 0, end = n;

	n_wanted = MIN(n_wanted, n);
	if (n_wanted == 0)
		return;
	/* narrows down where the border is */
	while (n_wanted < n && begin < n_wanted && end - begin > FEW) {
		const size_t border = begin + part(rows + begin, end - begin);

		if (border > n_wanted)
			end = border;
		else
			begin = border;
	}
	if (n_wanted < n && begin < n_wanted)
		qsort(rows + begin, end - begin, sizeof(*rows), compare_rows);
	qsort(rows, n_wanted, sizeof(*rows), compare_rows);
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

static double key_of(const struct top *top, const struct profile_site *site)
{
	const struct top_series *series;
	const struct top_was *was;
	double drift;

	switch (top->options.sort) {
	case RENDER_SORT_GROWTH:
		series = top_series_of(top, site);
		drift = series ? top_series_drift(series, &top->looks) : NAN;
		return isnan(drift) ? -1e300 : drift;
	case RENDER_SORT_ALLOCATED:
		return (double)site->allocated_bytes;
	case RENDER_SORT_AGE:
		return top_age(top, site);
	case RENDER_SORT_BLOCKS:
		was = top_find_was(top, site);
		return (double)site->live_blocks - (double)(was ? was->live_blocks : 0);
	default:
		was = top_find_was(top, site);
		return (double)site->live_bytes - (double)(was ? was->live_bytes : 0);
	}
}

/* What is sure first, then by the slope itself, which a billionth tells apart. */
static double rank_growth(const struct top *top, const struct profile_site *site)
{
	const struct top_growth growth = top_growth(top, site);

	return growth.sure + growth.slope * 1e-9;
}

/* In place of the drift: growth, where that is high. */
static void refine(const struct top *top, struct top_list *list)
{
	const size_t n = MIN(list->n_rows, (size_t)N_REFINED);

	if (top->options.sort != RENDER_SORT_GROWTH)
		return;
	top_list_order(list->rows, list->n_rows, n);
	for (size_t i = 0; i < list->n_rows; i++) {
		struct top_row *row = &list->rows[i];
		double growth = MIN(row->key, 0.0);

		if (i < n)
			growth = rank_growth(top, &top->shot->profile->sites[row->site]);
		row->key = isnan(growth) ? -1e300 : growth;
	}
}

/* How many rows have to be in order so that the selected one is where it belongs, with what is around it. */
static size_t count_wanted(const struct top *top, const struct top_list *list)
{
	const struct top_row *selected = NULL;
	size_t n_before = 0;

	for (size_t i = 0; i < list->n_rows && !selected; i++)
		if (list->rows[i].id == top->selected)
			selected = &list->rows[i];
	for (size_t i = 0; selected && i < list->n_rows; i++)
		n_before += is_before(&list->rows[i], selected);
	return MAX(n_before + (size_t)MAX(top->rows, 1) * 2, top->n_wanted);
}

static int add_rows(const struct top *top, struct top_list *list)
{
	const struct profile *profile = top->shot->profile;

	if (list->capacity < profile->n_sites) {
		free(list->rows);
		list->capacity = 0;
		list->rows = calloc(profile->n_sites, sizeof(*list->rows));
		if (!list->rows)
			return -ENOMEM;
		list->capacity = profile->n_sites;
	}
	list->n_rows = 0;
	for (size_t i = 0; i < profile->n_sites; i++) {
		const struct profile_site *site = &profile->sites[i];

		if ((site->live_bytes == 0 && site->live_blocks == 0 && !top_find_was(top, site)) ||
		    !profile_site_is_counted(site) || (list->matches && !list->matches[i]))
			continue;
		list->rows[list->n_rows++] =
			(struct top_row){key_of(top, site), site->id, (uint32_t)i};
	}
	return 0;
}

int top_list_make(struct top *top)
{
	int r;

	if (!top->list)
		top->list = calloc(1, sizeof(*top->list));
	if (!top->list)
		return -ENOMEM;
	top->list->n_rows = 0;
	r = find_matches(top, top->list);
	if (r >= 0)
		r = add_rows(top, top->list);
	if (r < 0)
		return r;
	refine(top, top->list);
	top->list->n_ordered = MIN(count_wanted(top, top->list), top->list->n_rows);
	top_list_order(top->list->rows, top->list->n_rows, top->list->n_ordered);
	return 0;
}
