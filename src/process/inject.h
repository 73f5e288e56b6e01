/* SPDX-License-Identifier: MIT */
/*
 * inject.h: recording in a process that was started without the agent: the tool lays out an image in it
 * and leads its calls of malloc and mmap there, and back again.
 *
 * One thread of the process is stopped for that, for less than a millisecond as a rule; the others go on.
 * Whatever can be known to stand in the way is found out before anything is touched.
 */
#ifndef PROCESS_INJECT_H
#define PROCESS_INJECT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/strbuf.h"

struct inject_options {
	uint32_t sampling;   /* enum mt_sampling */
	uint64_t interval;   /* bytes; for MT_SAMPLING_INTERVAL */
	bool watched;        /* somebody looks on; for MT_SAMPLING_AUTO */
	uint64_t max_memory; /* bytes; 0 for the default */
};

struct inject_outcome {
	pid_t tid;            /* the thread that was stopped */
	uint64_t stopped_ns;  /* for how long at most, seen from the tool */
	uint64_t stopping_ns; /* of that, until it stood still */
	uint64_t working_ns;  /* what was done then, while it went on */
	uint32_t n_stops;     /* more than one if the process was loading libraries */
	uint32_t n_modules;   /* with the main program */
	uint32_t n_patched;   /* slots that lead to the image, or to the originals again */
	uint32_t n_unpatched; /* slots that could not be changed */
	bool reused;          /* the image was there from a time before */
};

/*
 * 0, or -errno and the line for people in error: what, why and the way out. When it fails the process goes
 * on as it was.
 */
int inject_attach(pid_t pid, const struct inject_options *options, struct inject_outcome *ret,
		  struct strbuf *error);

/* Recording ends; the region stays readable. -ENODATA if there is no image that records in the process. */
int inject_detach(pid_t pid, struct inject_outcome *ret, struct strbuf *error);

/* Whether an image of this tool is in the process and records: 1, 0, or -errno. */
int inject_is_active(pid_t pid);

#endif
