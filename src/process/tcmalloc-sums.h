/* SPDX-License-Identifier: MIT */
/*
 * tcmalloc-sums.h: the sums of gperftools' tcmalloc, wherever they come from: its own functions, or its structures.
 */
#ifndef PROCESS_TCMALLOC_SUMS_H
#define PROCESS_TCMALLOC_SUMS_H

#include <stdint.h>

#include "process/arenas.h"
#include "process/space.h"

/* Bytes, in tcmalloc's words (see tcmalloc.c). */
struct tcmalloc_sums {
	uint64_t heap; /* all spans */
	uint64_t free, unmapped, central, transfer, threads;
	uint64_t metadata; /* beside the heap */
};

/* The same in ours. */
struct arena tcmalloc_arena(const struct tcmalloc_sums *sums);

/*
 * Adds its arena, read from outside, without a stop. -EBADMSG: it has no form that is known; -EAGAIN: it changed too
 * much while it was read.
 */
int tcmalloc_read(const struct space *space, struct arenas *ret);

#endif
