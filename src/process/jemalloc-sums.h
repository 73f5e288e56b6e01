/* SPDX-License-Identifier: MIT */
/*
 * jemalloc-sums.h: the sums of one of jemalloc's arenas, wherever they come from: its own functions, or its
 * structures.
 */
#ifndef PROCESS_JEMALLOC_SUMS_H
#define PROCESS_JEMALLOC_SUMS_H

#include <stdint.h>

#include "process/arenas.h"
#include "process/space.h"

/* Bytes, in jemalloc's words (see jemalloc.c). */
struct jemalloc_sums {
	uint64_t active, dirty, muzzy, retained;
	uint64_t base, internal, cached;
	uint64_t small, large;
};

/* The same in ours. */
struct arena jemalloc_arena(uint32_t id, const struct jemalloc_sums *sums);

/*
 * Adds the arenas, read from outside, without a stop. -EBADMSG: they have no form that is known; -EAGAIN: they
 * changed too much while they were read.
 */
int jemalloc_read(const struct space *space, struct arenas *ret);

#endif
