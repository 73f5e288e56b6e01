/* SPDX-License-Identifier: MIT */
/*
 * diff.c: finds each site of the new profile in the old one, first by identity, then by the names on its
 * stack; what is left of the old one is gone.
 */
#include "profile/diff.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/map.h"
#include "profile/label.h"

void diff_deinit(struct diff *diff)
{
	free(diff->sites);
	*diff = (struct diff){};
}

bool diff_site_is_certain(const struct diff_site *site)
{
	return fabs((double)site->live_bytes) > 2 * site->live_stderr;
}

static uint64_t key_by_id(const struct profile *profile, const struct profile_site *site)
{
	return site->id;
}

/* Of the functions, and of the modules where there is no function; 0 never stands for a stack. */
static uint64_t key_by_names(const struct profile *profile, const struct profile_site *site)
{
	uint64_t key = site->kind + 1;

	for (uint32_t i = 0; i < site->n_locations; i++) {
		const struct profile_location *location = profile_location_get(profile, site, i);

		for (uint32_t f = 0; f < location->n_frames; f++) {
			const char *name = profile->frames[location->first_frame + f].function;

			if (!name && location->module != PROFILE_NO_MODULE)
				name = label_base_name(profile->modules[location->module].path);
			if (name)
				key = key * 0x9e3779b97f4a7c15ull +
				      map_hash_bytes(name, strlen(name));
		}
	}
	return key;
}

struct matcher {
	const struct profile *old, *new;
	uint32_t *match; /* by new site: old site, or DIFF_NONE */
	bool *taken;     /* by old site */
};

static void matcher_deinit(struct matcher *matcher)
{
	free(matcher->match);
	free(matcher->taken);
}

/* Matches what is not matched yet by a key; of old sites with the same key the heaviest is taken. */
static int match_by(struct matcher *matcher,
		    uint64_t (*key)(const struct profile *, const struct profile_site *))
{
	_cleanup_(map_deinit) struct map olds = {};
	uint64_t *found;
	int r;

	for (size_t i = 0; i < matcher->old->n_sites; i++) {
		if (matcher->taken[i] || !profile_site_is_counted(&matcher->old->sites[i]))
			continue;
		r = map_add(&olds, key(matcher->old, &matcher->old->sites[i]), i, NULL);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < matcher->new->n_sites; i++) {
		if (matcher->match[i] != DIFF_NONE ||
		    !profile_site_is_counted(&matcher->new->sites[i]))
			continue;
		found = map_find(&olds, key(matcher->new, &matcher->new->sites[i]));
		if (!found || matcher->taken[*found])
			continue;
		matcher->match[i] = (uint32_t)*found;
		matcher->taken[*found] = true;
	}
	return 0;
}

static int add_site(struct diff *diff, const struct profile_site *old,
		    const struct profile_site *new, uint32_t old_index, uint32_t new_index)
{
	static const struct profile_site nothing;
	struct diff_site *site;

	if (GROW(diff->sites, diff->n_sites) < 0)
		return -ENOMEM;
	site = &diff->sites[diff->n_sites++];
	old = old ?: &nothing;
	new = new ?: &nothing;
	*site = (struct diff_site){
		.old = old_index,
		.new = new_index,
		.live_bytes = (int64_t)(new->live_bytes - old->live_bytes),
		.live_blocks = (int64_t)(new->live_blocks - old->live_blocks),
		.live_stderr = hypot(old->live_stderr, new->live_stderr),
		.allocated_bytes = (int64_t)(new->allocated_bytes - old->allocated_bytes),
		.allocated_blocks = (int64_t)(new->allocated_blocks - old->allocated_blocks),
	};
	diff->live_bytes += site->live_bytes;
	diff->live_blocks += site->live_blocks;
	diff->allocated_bytes += site->allocated_bytes;
	diff->live_stderr = hypot(diff->live_stderr, site->live_stderr);
	return 0;
}

static int add_sites(const struct matcher *matcher, struct diff *diff)
{
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < matcher->new->n_sites; i++) {
		const uint32_t old = matcher->match[i];

		if (profile_site_is_counted(&matcher->new->sites[i]))
			r = add_site(diff, old == DIFF_NONE ? NULL : &matcher->old->sites[old],
				     &matcher->new->sites[i], old, i);
	}
	for (uint32_t i = 0; r >= 0 && i < matcher->old->n_sites; i++)
		if (!matcher->taken[i] && profile_site_is_counted(&matcher->old->sites[i]))
			r = add_site(diff, &matcher->old->sites[i], NULL, i, DIFF_NONE);
	return r;
}

static int compare_sites(const void *a, const void *b)
{
	const struct diff_site *x = a, *y = b;

	if (x->live_bytes != y->live_bytes)
		return x->live_bytes < y->live_bytes ? 1 : -1;
	if (x->new != y->new)
		return x->new < y->new ? -1 : 1;
	return x->old < y->old ? -1 : x->old > y->old;
}

int diff_make(const struct profile *old, const struct profile *new, struct diff *ret)
{
	_cleanup_(matcher_deinit) struct matcher matcher = {
		.old = old,
		.new = new,
		.match = calloc(new->n_sites + 1, sizeof(uint32_t)),
		.taken = calloc(old->n_sites + 1, sizeof(bool)),
	};
	_cleanup_(diff_deinit) struct diff diff = {
		/* the start of a process is told with a clock that may be stepped */
		.same_process =
			old->process.pid == new->process.pid &&fabs(old->process.started_at -
								    new->process.started_at) < 2,
		.interval_s = new->process.captured_at - old->process.captured_at,
	};
	int r;

	if (!matcher.match || !matcher.taken)
		return -ENOMEM;
	memset(matcher.match, 0xff, new->n_sites * sizeof(uint32_t));
	r = match_by(&matcher, key_by_id);
	if (r >= 0)
		r = match_by(&matcher, key_by_names);
	if (r >= 0)
		r = add_sites(&matcher, &diff);
	if (r < 0)
		return r;
	if (diff.n_sites > 0)
		qsort(diff.sites, diff.n_sites, sizeof(*diff.sites), compare_sites);
	*ret = diff;
	diff.sites = NULL;
	return 0;
}
