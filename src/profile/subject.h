/* SPDX-License-Identifier: MIT */
/*
 * subject.h: what a profile is about: the process, the agent in it, its threads.
 */
#ifndef PROFILE_SUBJECT_H
#define PROFILE_SUBJECT_H

#include <stdint.h>

#include "process/procinfo.h"
#include "profile/profile.h"
#include "region/region.h"

/* When the profile is true: never before something that is in it. Nanoseconds of CLOCK_MONOTONIC. */
uint64_t subject_find_moment(const struct region_snapshot *snapshot);

/* Each fills its part of a new profile. moment_ns is not before header.start_ns; info may be NULL. */
int subject_describe_process(const struct region_snapshot *snapshot, const struct procinfo *info,
			     uint64_t moment_ns, struct profile *profile);
void subject_describe_agent(const struct region_snapshot *snapshot, struct profile *profile);
/* Threads keep the region's indices; entry 0 is there and is nobody. */
int subject_describe_threads(const struct region_snapshot *snapshot, struct profile *profile);

/* All of the above for a process without the agent, of which /proc is all there is. */
int subject_describe_plain(const struct procinfo *info, double captured_at,
			   struct profile *profile);

#endif
