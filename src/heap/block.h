/* SPDX-License-Identifier: MIT */
/* block.h: what is known about a block, given its address: for everything but the fast paths. */
#ifndef HEAP_BLOCK_H
#define HEAP_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/span.h"

struct block {
	struct span *span;
	uint32_t *tag;  /* where its tag is, NULL if it cannot have one */
	size_t size;    /* bytes that may be used */
	unsigned class; /* 0 if it has a span of its own */
};

/*
 * Looks a block up. False if the address is not in this heap. An address in the heap at which no block
 * in use begins ends in hooks_corruption, as far as that can be seen.
 */
bool block_find(const void *address, struct block *ret);

#endif
