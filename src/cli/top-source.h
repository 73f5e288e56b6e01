/* SPDX-License-Identifier: MIT */
/*
 * top-source.h: where `memtrace top` gets what it shows: threads that look at the process again and
 * again, so that naming addresses and reading mappings never keep the screen waiting.
 *
 * A pulse is taken every interval. A shot takes longer, so it is taken as often as it keeps the time spent on it
 * within half a percent of a core, or within five where the view shows what only a shot has.
 */
#ifndef CLI_TOP_SOURCE_H
#define CLI_TOP_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/strbuf.h"
#include "cli/top-shot.h"
#include "profile/pulse.h"

/* What changes from moment to moment. Owned by who took it. */
struct top_pulse {
	struct pulse sites;
	bool has_sites; /* there is an agent */
	uint64_t rss;   /* PROFILE_UNKNOWN */
	double time_s;  /* CLOCK_MONOTONIC */
};

struct top_pulse *top_pulse_free(struct top_pulse *pulse);

struct top_source; /* opaque */

/* target is a PID, a session or a core (which never changes). On failure error has the line. */
int top_source_open(const char *target, struct top_source **ret, struct strbuf *error);
struct top_source *top_source_free(struct top_source *source);

/* Readable when there is something new. */
int top_source_fd(const struct top_source *source);
/*
 * The newest shot and pulse, each NULL if there is none since the last call; the caller frees them. What was still
 * being taken when it was told to pause is given after the pause. ended: the process is gone, and there will be no
 * more.
 */
void top_source_take(struct top_source *source, struct top_shot **ret_shot,
		     struct top_pulse **ret_pulse, bool *ret_ended);

void top_source_set_interval(struct top_source *source, double interval_s);
void top_source_pause(struct top_source *source, bool paused);
/* Takes a shot now. */
void top_source_poke(struct top_source *source);
/* Whether what is on the screen comes from shots alone. */
void top_source_set_eager(struct top_source *source, bool eager);
/* So much of what is live is at places that are in no shot yet: the next one comes earlier if that is much. */
void top_source_tell_unknown(struct top_source *source, double unknown, double live);

/* 0 for a session or a core. */
pid_t top_source_pid(const struct top_source *source);

#endif
