/* SPDX-License-Identifier: MIT */
/*
 * pause.h: stops all threads of a process for a moment, by ptrace, so that a structure can be read that
 * changes faster than it can be read otherwise.
 */
#ifndef PROCESS_PAUSE_H
#define PROCESS_PAUSE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "process/inject-wait.h"

struct pause {
	pid_t *tids; /* that are held; owned */
	size_t n_tids;
	struct inject_wait wait;
	uint64_t begun_ns; /* when the first thread was told to stop; CLOCK_MONOTONIC */
};

/* What a reading took of them, for people. */
struct pause_tally {
	uint64_t n, longest_ns;
};

/* How long threads have stood still so far, at most. */
uint64_t pause_held_ns(const struct pause *pause);

/*
 * Waits until the threads stand still: at most a few milliseconds, then gives up with -ETIMEDOUT. This
 * thread goes before others meanwhile. A
 * thread that is made meanwhile is not held. The process goes on with pause_end, or when this one ends.
 */
int pause_begin(pid_t pid, struct pause *ret);
void pause_end(struct pause *pause);
/* The same, and counts it; tally may be NULL. */
void pause_end_counted(struct pause *pause, struct pause_tally *tally);

#endif
