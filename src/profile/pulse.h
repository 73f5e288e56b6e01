/* SPDX-License-Identifier: MIT */
/*
 * pulse.h: what of a profile changes from moment to moment: how much is outstanding at each place, and how old it
 * is. It is read from the region without stacks, names or anything else of the process, only where something
 * has changed, and then laid over a profile that was built before.
 */
#ifndef PROFILE_PULSE_H
#define PROFILE_PULSE_H

#include <stdbool.h>
#include <stdint.h>

#include "profile/profile.h"
#include "region/region.h"

/* What is outstanding at one site of the region. Zeroed: nothing. */
struct pulse_site {
	double bytes, blocks;
	/* CLOCK_MONOTONIC; 0 if nothing is live. The oldest may have been freed up to a minute ago. */
	uint64_t oldest_ns, youngest_ns;
};

struct pulse_change {
	uint32_t site; /* the region's number of it */
	struct pulse_site now;
};

/*
 * So many bytes a second of what was allocated at a site lately are still there: the least of several times up to a
 * minute ago, so that what was filled at once, or is freed after some seconds, does not count.
 */
struct pulse_kept {
	uint32_t site; /* the region's number of it */
	double per_s;
};

struct pulse {
	uint64_t taken_ns; /* CLOCK_MONOTONIC */
	struct pulse_change *changes;
	size_t n_changes;
	double heap_bytes, heap_blocks, heap_variance; /* all sites of malloc */
	double mapped_bytes;                           /* as in struct profile_heap */
	struct pulse_kept *kept;                       /* of all sites where there is some */
	size_t n_kept;
	bool has_kept; /* not if blocks are too many to look at */
	uint64_t samples, lost_allocations, lost_frees, lost_maps;
	uint64_t interval;
};

void pulse_deinit(struct pulse *pulse);

/* The index of the profile's site that a site of the region is part of, or PROFILE_NO_SITE. */
uint32_t pulse_find_site(const struct profile *profile, uint64_t recorded);

/* Takes one pulse after the other of a region. */
struct pulse_reader; /* opaque */

struct pulse_reader *pulse_reader_new(void); /* NULL: no memory */
struct pulse_reader *pulse_reader_free(struct pulse_reader *reader);

/*
 * The changes since the pulse before; of the first one, everything. unused is NULL, or the pulse before if nobody
 * has used it: its changes come again. -ENOMEM and as region_snapshot; the reader begins anew then.
 */
int pulse_take(struct pulse_reader *reader, struct region *region, const struct pulse *unused,
	       struct pulse *ret);

/* The sum of all pulses of a reader: what is outstanding now, by the region's number of the site. */
struct pulse_state {
	struct pulse_site *sites;
	size_t n_sites;
};

void pulse_state_deinit(struct pulse_state *state);
/* -ENOMEM */
int pulse_state_add(struct pulse_state *state, const struct pulse *pulse);

/*
 * Sets the figures of the profile, which was built from the same region, to those of the pulse, which is the last
 * that was added to state: live bytes and blocks, ages, and the sums of the heap. What was allocated stays as it
 * was, but is never less than what is live; so does the order of the sites. ret_unknown: bytes at places
 * that the profile has not.
 */
void pulse_apply_all(const struct pulse_state *state, const struct pulse *pulse,
		     struct profile *profile, double *ret_unknown);

/*
 * The same before the pulse is added to state, and only what changes: the ages of other sites are as old as
 * they were. touched is called with the index of each site that was set, possibly more than once. unknown is
 * changed by as much as there is more now.
 */
void pulse_apply(const struct pulse_state *state, const struct pulse *pulse,
		 struct profile *profile, double *unknown,
		 void (*touched)(void *context, uint32_t site), void *context);

#endif
