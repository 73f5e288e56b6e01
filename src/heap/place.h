/* SPDX-License-Identifier: MIT */
/* place.h: where a new block of some size and alignment comes from. */
#ifndef HEAP_PLACE_H
#define HEAP_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/threadcache.h"

struct request {
	size_t asked;  /* bytes, as the hooks are told */
	size_t size;   /* bytes, not 0 */
	size_t align;  /* a power of two */
	bool zero;     /* memory that is known to be zero is worth a span */
	bool grows;    /* it is likely to be grown further: with room behind it */
	uint8_t shift; /* of one that grows: as struct span's, if it is a large one */
};

/*
 * A block, counted down and reported if it is its turn. ret_zero tells whether it is known to be zero.
 * NULL if there is no memory. The cache is entered.
 */
void *place_block(struct threadcache *cache, const struct request *request, bool *ret_zero);

/* Frees a block that has a span of its own. Its tag has been dealt with. cache may be NULL. */
void place_free_alone(struct threadcache *cache, struct span *span);

/* The span that the thread keeps goes to the page heap. */
void place_flush(struct threadcache *cache);

/*
 * The fast paths of large blocks, for the calling thread, with nothing to report: the span that it keeps is as
 * long as size bytes need; a block can be kept. NULL and false if that is not so, when nothing has changed.
 */
void *place_take_kept(size_t size);
bool place_keep(void *block);

/* From here on fresh pages are worth a span of their own to a block that has to be zero. */
static _always_inline_ bool place_is_alone(size_t size)
{
	return size > SIZECLASS_SHARED_MAX;
}

/* Whether a block of that size that was grown has pages of its own, where more can be added. */
static _always_inline_ bool place_is_run(size_t size)
{
	return size >= 4096;
}

/* Whether a block of that size gets a mapping of its own. */
bool place_is_huge(size_t size);

#endif
