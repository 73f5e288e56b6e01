/* SPDX-License-Identifier: MIT */
/* putback.h: blocks that come back into the spans of their class. The class's lock is held. */
#ifndef HEAP_PUTBACK_H
#define HEAP_PUTBACK_H

#include <stdint.h>

#include "heap/published.h"

#define PUTBACK_MAX 128u /* blocks at once: what is noted of them stands on the stack */

/*
 * Marks n blocks (at most PUTBACK_MAX) as free; they are not touched. Spans that are free as a whole then
 * go to the list empties. Returns -1, or an enum heap_error when it met a block that cannot be free now;
 * ret_n_done is its number, and those behind it stay as they were.
 */
int putback(struct central *central, unsigned class, void *const *blocks, unsigned n,
	    unsigned *ret_n_done, uint32_t *empties);

/* The same with one block with a tag, whose span goes when it is the last one. */
int putback_one(struct central *central, unsigned class, void *block, uint32_t *empties);

/* Blocks of the span have become free: it may belong on another list, or back to the page heap. */
void putback_settle(struct central *central, struct span *span, const struct sizeclass *sizeclass,
		    uint32_t *empties);

/* Takes a span without a block in use out of the class and puts it on a list of the caller's. */
void putback_retire(struct central *central, struct span *span, uint32_t *empties);

#endif
