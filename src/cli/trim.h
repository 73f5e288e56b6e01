/* SPDX-License-Identifier: MIT */
/*
 * trim.h: what the allocator of a process would give back to the kernel if it was told to, and telling it.
 */
#ifndef CLI_TRIM_H
#define CLI_TRIM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/strbuf.h"
#include "process/arenas.h"
#include "process/foreign.h"

struct trim_sums {
	uint64_t trimmable, free_resident, n_arenas;
	enum arenas_allocator allocator;
};

/*
 * Of the allocator that would give back most: one may be loaded that nobody calls, or two be at work. arenas may be
 * NULL. false: no arena is known, or for none is it known what it would give back.
 */
bool trim_sum_up(const struct arenas *arenas, struct trim_sums *ret);

struct trim_outcome {
	uint64_t rss_before, rss_after; /* bytes */
	/* pages of program and libraries that became resident by being read; 0 if not known */
	uint64_t read_in;
	uint64_t n_faults;          /* of the process, meanwhile */
	struct inject_outcome call; /* which thread made it, and for how long it was stopped */
};

/* A thread of the process is stopped outside of the allocator and makes the call. On failure error has the line. */
int trim_do(pid_t pid, enum arenas_allocator allocator, struct trim_outcome *ret,
	    struct strbuf *error);

#endif
