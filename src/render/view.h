/* SPDX-License-Identifier: MIT */
/*
 * view.h: which sites of a profile are drawn, with which figures, in which order: what the options leave
 * of it. All renderers go through it, so that they agree.
 */
#ifndef RENDER_VIEW_H
#define RENDER_VIEW_H

#include "render/render.h"

struct view_row {
	uint32_t site; /* index in the profile */
	/* of the blocks whose age is asked for; otherwise the site's own */
	uint64_t live_bytes, live_blocks;
	double live_stderr;
	double oldest_age_s, youngest_age_s;
};

struct view {
	struct view_row *rows;
	size_t n_rows;
	/* what the limit on rows left out, but no other filter did */
	size_t n_more;
	uint64_t more_bytes;
	/* outstanding in all sites that count, within the ages asked for: what shares are of */
	uint64_t total_bytes;
};

enum view_scope {
	VIEW_ALL, /* every site */
	/*
	 * no mappings of the allocator, and nothing with nothing live, unless sorted by what was
	 * allocated
	 */
	VIEW_OUTSTANDING,
};

/*
 * top holds if options->top is 0. Where sites are put together to groups the limit is on groups, and all
 * sites are in view.
 */
int view_make(const struct profile *profile, const struct render_options *options,
	      enum view_scope scope, unsigned top, struct view *ret);
void view_deinit(struct view *view);

/* Whether a block's age is asked for. */
bool view_has_age(const struct render_options *options, double age_s);

/* Whether a frame of the site's stack matches: function, file or module. */
bool view_site_matches(const struct profile *profile, const struct profile_site *site,
		       const regex_t *regex);

/* The same of one call of it. */
bool view_location_matches(const struct profile *profile, const struct profile_location *location,
			   const regex_t *regex);

#endif
