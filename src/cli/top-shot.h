/* SPDX-License-Identifier: MIT */
/*
 * top-shot.h: the process at one moment, with all that can be said of it.
 */
#ifndef CLI_TOP_SHOT_H
#define CLI_TOP_SHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/origin.h"
#include "profile/estimate.h"
#include "profile/ledger.h"
#include "profile/profile.h"
#include "profile/verdict.h"
#include "region/region.h"
#include "symbolize/symbolizer.h"

struct top_shot {
	struct profile *profile;
	struct ledger ledger;
	bool has_ledger;
	struct verdict verdict;
	/* the newest of the ring, oldest first; site is the region's number (profile->recorded_sites) */
	struct mt_event
		*events; /* aux of a mark is the address of its name, in the profile's strings */
	size_t n_events;
	double time_s;         /* CLOCK_MONOTONIC */
	bool is_named;         /* as far as names can be found */
	struct estimate *held; /* by thread of the profile: what it has allocated and is live */
};

struct top_shot *top_shot_free(struct top_shot *shot);

/* Of what was read before. Takes the profile, whether it succeeds or not. NULL: no memory. */
struct top_shot *top_shot_new(struct profile *profile);

/*
 * Of a living process. region is NULL if it has no agent; symbolizer is NULL if there are to be no names. Returns
 * 0 or -errno.
 */
int top_shot_take(struct origin *origin, struct region *region, struct symbolizer *symbolizer,
		  struct top_shot **ret);

/* Finds names for the stacks that hold most, so that the next shot has them. */
void top_shot_name_first(const struct top_shot *shot, struct symbolizer *symbolizer);

#endif
