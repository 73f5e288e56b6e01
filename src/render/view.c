/* SPDX-License-Identifier: MIT */
/*
 * A bound on ages selects blocks, not sites, so with one the figures of every site are summed anew over
 * its blocks; without one the site's own are taken.
 */
#include "render/view.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "profile/estimate.h"
#include "profile/label.h"

bool view_has_age(const struct render_options *options, double age_s)
{
	return (options->since_s < 0 || age_s <= options->since_s) &&
	       (options->older_s < 0 || age_s >= options->older_s);
}

void view_deinit(struct view *view)
{
	free(view->rows);
	*view = (struct view){};
}

static void take_figures(const struct profile *profile, struct view_row *rows)
{
	for (size_t i = 0; i < profile->n_sites; i++) {
		const struct profile_site *site = &profile->sites[i];

		rows[i] = (struct view_row){
			.site = (uint32_t)i,
			.live_bytes = site->live_bytes,
			.live_blocks = site->live_blocks,
			.live_stderr = site->live_stderr,
			.oldest_age_s = site->oldest_age_s,
			.youngest_age_s = site->youngest_age_s,
		};
	}
}

static int sum_figures(const struct profile *profile, const struct render_options *options,
		       struct view_row *rows)
{
	_cleanup_free_ struct estimate *sums = calloc(profile->n_sites + 1, sizeof(*sums));

	if (!sums)
		return -ENOMEM;
	for (size_t i = 0; i < profile->n_sites; i++)
		rows[i] = (struct view_row){
			.site = (uint32_t)i, .oldest_age_s = -1, .youngest_age_s = -1};
	for (size_t i = 0; i < profile->n_blocks; i++) {
		const struct profile_block *block = &profile->blocks[i];

		if (block->site == PROFILE_NO_SITE || !view_has_age(options, block->age_s))
			continue;
		struct view_row *row = &rows[block->site];

		estimate_add(&sums[block->site], block->size, block->interval);
		row->oldest_age_s = MAX(row->oldest_age_s, block->age_s);
		row->youngest_age_s = row->youngest_age_s < 0
					      ? block->age_s
					      : MIN(row->youngest_age_s, block->age_s);
	}
	for (size_t i = 0; i < profile->n_sites; i++) {
		rows[i].live_bytes = estimate_round(sums[i].bytes);
		rows[i].live_blocks = estimate_round(sums[i].blocks);
		rows[i].live_stderr = estimate_stderr(&sums[i]);
	}
	return 0;
}

bool view_location_matches(const struct profile *profile, const struct profile_location *location,
			   const regex_t *regex)
{
	for (uint32_t i = 0; i < location->n_frames; i++) {
		const struct profile_frame *frame = &profile->frames[location->first_frame + i];

		if (frame->function && regexec(regex, frame->function, 0, NULL, 0) == 0)
			return true;
		if (frame->file && regexec(regex, frame->file, 0, NULL, 0) == 0)
			return true;
	}
	return location->module != PROFILE_NO_MODULE &&
	       regexec(regex, profile->modules[location->module].path, 0, NULL, 0) == 0;
}

bool view_site_matches(const struct profile *profile, const struct profile_site *site,
		       const regex_t *regex)
{
	for (uint32_t i = 0; i < site->n_locations; i++)
		if (view_location_matches(profile, profile_location_get(profile, site, i), regex))
			return true;
	return false;
}

struct order {
	const struct profile *profile;
	enum render_sort sort;
};

static double sort_key(const struct order *order, const struct view_row *row)
{
	const struct profile_site *site = &order->profile->sites[row->site];

	switch (order->sort) {
	case RENDER_SORT_GROWTH:
		/* what only chance may have made stands still, and what is not known comes last */
		if (isnan(site->growth))
			return -1e300;
		return site->growth_low > 0 || site->growth_high < 0 ? site->growth : 0;
	case RENDER_SORT_ALLOCATED:
		return (double)site->allocated_bytes;
	case RENDER_SORT_BLOCKS:
		return (double)row->live_blocks;
	case RENDER_SORT_AGE:
		return row->oldest_age_s;
	default:
		return (double)row->live_bytes;
	}
}

static int compare_rows(const void *a, const void *b, void *data)
{
	const struct view_row *x = a, *y = b;
	double p = sort_key(data, x), q = sort_key(data, y);

	if (p != q)
		return p < q ? 1 : -1;
	if (x->live_bytes != y->live_bytes)
		return x->live_bytes < y->live_bytes ? 1 : -1;
	return x->site < y->site ? -1 : x->site > y->site;
}

static bool is_wanted(const struct profile *profile, const struct render_options *options,
		      enum view_scope scope, const struct view_row *row)
{
	const struct profile_site *site = &profile->sites[row->site];
	bool by_age = options->since_s >= 0 || options->older_s >= 0;

	if (scope == VIEW_OUTSTANDING && !profile_site_is_counted(site))
		return false;
	if (row->live_bytes == 0 && row->live_blocks == 0 &&
	    (by_age || (scope == VIEW_OUTSTANDING && options->sort != RENDER_SORT_ALLOCATED)))
		return false;
	if (row->live_bytes < options->min_bytes)
		return false;
	return !options->grep || view_site_matches(profile, site, options->grep);
}

int view_make(const struct profile *profile, const struct render_options *options,
	      enum view_scope scope, unsigned top, struct view *ret)
{
	_cleanup_(view_deinit) struct view view = {
		.rows = calloc(profile->n_sites + 1, sizeof(*view.rows)),
	};
	struct order order = {profile, options->sort};

	if (!view.rows)
		return -ENOMEM;
	if (options->since_s < 0 && options->older_s < 0)
		take_figures(profile, view.rows);
	else if (sum_figures(profile, options, view.rows) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < profile->n_sites; i++) {
		if (profile_site_is_counted(&profile->sites[i]))
			view.total_bytes += view.rows[i].live_bytes;
		if (is_wanted(profile, options, scope, &view.rows[i]))
			view.rows[view.n_rows++] = view.rows[i];
	}
	qsort_r(view.rows, view.n_rows, sizeof(*view.rows), compare_rows, &order);
	if (options->top > 0)
		top = options->top;
	if (options->by != RENDER_BY_SITE)
		top = 0;
	while (top > 0 && view.n_rows > top) {
		view.more_bytes += view.rows[--view.n_rows].live_bytes;
		view.n_more++;
	}
	*ret = view;
	view.rows = NULL;
	return 0;
}
