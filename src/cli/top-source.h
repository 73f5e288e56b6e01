/* SPDX-License-Identifier: MIT */
/*
 * top-source.h: where `memtrace top` gets what it shows: a thread that looks at the process again and
 * again, so that naming addresses and reading mappings never keep the screen waiting.
 */
#ifndef CLI_TOP_SOURCE_H
#define CLI_TOP_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/strbuf.h"
#include "profile/ledger.h"
#include "profile/profile.h"
#include "profile/verdict.h"
#include "region/abi.h"

/* The process at one moment. Owned by who took it. */
struct top_shot {
	struct profile *profile;
	struct ledger ledger;
	bool has_ledger;
	struct verdict verdict;
	/* the newest of the ring, oldest first; site is the region's number (profile->recorded_sites) */
	struct mt_event *events;
	size_t n_events;
	double time_s; /* CLOCK_MONOTONIC */
	bool ended;    /* the process is gone: this is the last that was seen */
};

struct top_shot *top_shot_free(struct top_shot *shot);

/* CLOCK_MONOTONIC in seconds. */
double top_now_s(void);

struct top_source; /* opaque */

/* target is a PID, a session or a core (which never changes). On failure error has the line. */
int top_source_open(const char *target, struct top_source **ret, struct strbuf *error);
struct top_source *top_source_free(struct top_source *source);

/* Readable when there is a new shot. */
int top_source_fd(const struct top_source *source);
/* The newest shot, or NULL if there is none since the last call. The caller frees it. */
struct top_shot *top_source_take(struct top_source *source);

void top_source_set_interval(struct top_source *source, double interval_s);
void top_source_pause(struct top_source *source, bool paused);
/* Looks again now. */
void top_source_poke(struct top_source *source);

/* 0 for a session or a core. */
pid_t top_source_pid(const struct top_source *source);

#endif
