/* SPDX-License-Identifier: MIT */
/*
 * group.h: outstanding memory put together by something else than its stack: function, module, thread,
 * size or age.
 */
#ifndef RENDER_GROUP_H
#define RENDER_GROUP_H

#include "profile/estimate.h"
#include "render/view.h"

struct group {
	char *name; /* of what is common */
	struct estimate live;
	uint64_t n_sites; /* 0 where groups are of blocks */
	uint64_t order;   /* of sizes and ages: ascending */
};

struct groups {
	struct group *
		groups; /* by live bytes, or by blocks if that is asked for; sizes and ages ascending */
	size_t n_groups;
	size_t n_more; /* left out by the limit on rows */
};

/* Of the sites in view; options->by is not RENDER_BY_SITE. */
int groups_make(const struct profile *profile, const struct render_options *options,
		const struct view *view, struct groups *ret);
void groups_deinit(struct groups *groups);

/* "function" and so on. */
const char *groups_title(enum render_by by);

#endif
