/* SPDX-License-Identifier: MIT */
/*
 * top-turns.h: the inside of a source: what its two threads share with the screen. Only top-source.c uses it.
 */
#ifndef CLI_TOP_TURNS_H
#define CLI_TOP_TURNS_H

#include <pthread.h>

#include "cli/top-source.h"

struct top_source {
	pid_t pid;
	int event_fd;
	struct origin origin;          /* the builder's */
	struct symbolizer *symbolizer; /* the builder's */
	uint64_t patience_ns;          /* the builder's: how long the next shot looks for names */
	struct pulse_reader *reader;   /* the watcher's */
	pthread_t watcher, builder;
	bool has_watcher, has_builder;
	/* below, under lock */
	pthread_mutex_t lock;
	pthread_cond_t wake;   /* of the watcher */
	pthread_cond_t wanted; /* of the builder */
	struct region *region; /* NULL: the process has no agent; once set it stays */
	struct top_shot *shot;
	struct top_pulse *pulse;
	double interval_s;
	bool paused, poked, stop, eager, much_unknown;
	bool is_wanted, is_building, has_ended;
	bool is_held; /* paused, and nothing was done since that is to be seen */
	double shot_began_s, shot_cost_s;
};

/* Starts the threads, which end when stop is set and wake and wanted are signalled. Returns 0 or -errno. */
int top_turns_start(struct top_source *source);

#endif
