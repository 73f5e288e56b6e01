/* SPDX-License-Identifier: MIT */
/*
 * putback-runs.h: blocks that were freed in the order of memory, up or down, come back together: then a block costs a
 * comparison. For putback.c, which has what it takes to put back one.
 */
#ifndef HEAP_PUTBACK_RUNS_H
#define HEAP_PUTBACK_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/published.h"

/* What putting blocks back needs to know about the class. */
struct putback_facts {
	const struct sizeclass *sizeclass;
	unsigned class;
	/* by the list that a span is on: as many free blocks as it has to have to leave it */
	uint16_t limits[CENTRAL_LISTS + 1];
};

/* The span that a block was found in: the next one is often in it, too. */
struct putback_target {
	uintptr_t start;
	size_t size; /* bytes of its blocks */
	uint32_t span;
};

/* Makes the span of a block the target. Returns an enum heap_error, or -1 if all is well. */
int putback_enter(struct putback_target *target, unsigned class, const void *block);

/* Whether two blocks lie side by side. */
static _always_inline_ bool putback_touch(uintptr_t block, uintptr_t next, uint32_t size)
{
	return next - block == size || block - next == size;
}

/* putback of blocks that mostly lie side by side, or of a class with one block in a span. */
int putback_runs(struct central *central, const struct putback_facts *facts, void *const *blocks,
		 unsigned n, unsigned *ret_n_done, uint32_t *empties);

#endif
