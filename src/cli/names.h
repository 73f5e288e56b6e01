/* SPDX-License-Identifier: MIT */
/*
 * names.h: symbolizers for many processes. What was read of a library for one serves for the next:
 * that is most of the work where hundreds of children are followed.
 */
#ifndef CLI_NAMES_H
#define CLI_NAMES_H

#include "cli/origin.h"
#include "symbolize/symbolizer.h"

struct names {
	struct symbolizer *shared; /* for processes that are gone and were nothing special */
	unsigned n_shared_uses;
	struct symbolizer *own; /* for the one that was asked for last and needs its own */
};

/* Zeroed is empty. */
void names_deinit(struct names *names);

/* A symbolizer for the process, which lives until the next call. live: it is still there. */
int names_open(struct names *names, const struct origin *origin, bool live,
	       struct symbolizer **ret);

#endif
