/* SPDX-License-Identifier: MIT */
/*
 * glibc-arenas.h: what glibc's malloc holds in a process, read from outside: glibc 2.17 and newer,
 * without symbols, without the process's help, and, as a rule, without stopping it.
 */
#ifndef PROCESS_GLIBC_ARENAS_H
#define PROCESS_GLIBC_ARENAS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "process/arenas.h"
#include "process/maps.h"
#include "process/memory.h"
#include "process/pause.h"

/* A process or what is left of one; all is the caller's. */
struct glibc_target {
	struct memory *memory;
	const struct maps *maps; /* usage is not needed */
	const uint32_t *tids;    /* of its threads */
	size_t n_tids;
	/*
	 * A process that may be stopped, for some milliseconds, where it changes too quickly to be read;
	 * 0: it may not, or there is none.
	 */
	pid_t pid;
	struct pause_tally *pauses; /* counts how often and for how long; may be NULL */
};

/*
 * Adds glibc's arenas, the main one first, and last, if there are any, the blocks with a mapping of
 * their own. Nothing is added if the process has no glibc or never used its malloc. What cannot be
 * read for certain is left out, and arenas->refused says so. Returns 0, or -errno if the process is gone
 * or there is no memory.
 */
int glibc_arenas_read(const struct glibc_target *target, struct arenas *arenas);

/*
 * Calls visit for each block, used and free, of the arenas as glibc_arenas_read numbers them. Returns
 * what visit returned, 0 at the end, or -errno; -ENOTSUP if nothing can be read.
 */
int glibc_arenas_visit(const struct glibc_target *target, arenas_visit visit, void *userdata);

#endif
