/* SPDX-License-Identifier: MIT */
/*
 * diff.h: what changed between two profiles: two moments of one process, or two runs.
 *
 * Sites are the same if their identities are, which hold for runs of the same binaries; of the others,
 * those are that have the same functions on their stacks, so that a rebuilt program can be compared with
 * the one before.
 */
#ifndef PROFILE_DIFF_H
#define PROFILE_DIFF_H

#include "profile/profile.h"

#define DIFF_NONE UINT32_MAX

struct diff_site {
	uint32_t old, new; /* indices in the profiles' sites; DIFF_NONE where it is not there */
	int64_t live_bytes, live_blocks; /* new less old */
	double live_stderr;              /* of the change, bytes: errors of both, independent */
	int64_t allocated_bytes, allocated_blocks;
};

struct diff {
	struct diff_site *sites; /* those that count (profile_site_is_counted), most growth first */
	size_t n_sites;
	bool same_process;
	double interval_s; /* between the two moments; negative if old is the younger one */
	int64_t live_bytes, live_blocks, allocated_bytes; /* sums over sites */
	double live_stderr;
};

/* 0 or -ENOMEM. */
int diff_make(const struct profile *old, const struct profile *new, struct diff *ret);
void diff_deinit(struct diff *diff);

/* Whether a change is more than two standard errors. */
bool diff_site_is_certain(const struct diff_site *site);

#endif
