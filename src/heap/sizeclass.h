/* SPDX-License-Identifier: MIT */
/*
 * sizeclass.h: the sizes in which small blocks come.
 *
 * Steps of 16 bytes up to 256, then eight steps a doubling up to 4 KiB, then four up to 256 KiB. Class 0
 * is none: the class of size 0 (which the slow path turns into 1) and of pages that hold no small
 * blocks. For each class there is a second one of the same size, SIZECLASS_TAGGED higher, whose blocks
 * carry a tag.
 */
#ifndef HEAP_SIZECLASS_H
#define HEAP_SIZECLASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

#define SIZECLASS_N          73u  /* class 0 included */
#define SIZECLASS_TAGGED     128u /* added to a class, gives the one with tags */
#define SIZECLASS_IDS        (SIZECLASS_TAGGED + SIZECLASS_N)
#define SIZECLASS_FINE_MAX   4096u   /* bytes: the largest size that the first table knows */
#define SIZECLASS_MAX        262144u /* bytes: the largest small block */
#define SIZECLASS_SHARED_MAX 32768u  /* bytes: above, a span holds one block */
#define SIZECLASS_SPAN_MAX   65u     /* pages */
#define SIZECLASS_BLOCKS_MAX 256u    /* blocks in a span */

/* Read by tools too (published.h): fields are added at the end only. */
struct sizeclass {
	uint32_t size;       /* bytes of a block */
	uint32_t reciprocal; /* 2^32 / size, rounded up: see sizeclass_index */
	uint16_t n_pages;    /* of a span */
	uint16_t n_blocks;   /* in a span */
	uint16_t
		batch; /* blocks that move at once between a thread and the central tier, at most */
	uint16_t reserved;
};
assert_size(struct sizeclass, 16);

/* by class, of either kind */
extern const struct sizeclass sizeclass_table[SIZECLASS_IDS] _hidden_;
/* class of (size + 15) / 16 for sizes up to SIZECLASS_FINE_MAX */
extern const uint8_t sizeclass_fine[SIZECLASS_FINE_MAX / 16 + 1] _hidden_;
/* class of (size - 1) / 1024 for sizes above it and up to SIZECLASS_MAX */
extern const uint8_t sizeclass_coarse[SIZECLASS_MAX / 1024] _hidden_;

/* size is at most SIZECLASS_MAX; 0 gives class 0 */
static _always_inline_ unsigned sizeclass_of(size_t size)
{
	if (likely(size <= SIZECLASS_FINE_MAX))
		return sizeclass_fine[(size + 15) >> 4];
	return sizeclass_coarse[(size - 1) >> 10];
}

/* The class without its mark for tags. */
static _always_inline_ unsigned sizeclass_plain(unsigned class)
{
	return class & (SIZECLASS_TAGGED - 1);
}

/* Ids run to SIZECLASS_IDS, but not all of them are classes. */
static _always_inline_ bool sizeclass_exists(unsigned class)
{
	return sizeclass_plain(class) - 1 < SIZECLASS_N - 1;
}

static _always_inline_ bool sizeclass_is_tagged(unsigned class)
{
	return class >= SIZECLASS_TAGGED;
}

/* class may be of either kind; 0 has no bytes */
static _always_inline_ const struct sizeclass *sizeclass_get(unsigned class)
{
	return &sizeclass_table[class];
}

/*
 * offset / size, by multiplication. Exact for multiples of 16 in a span: the error of the reciprocal is
 * below size / 2^32 a byte, so that the quotient is too large by 1 at most for the last
 * offset * size / 2^32 < 16 bytes before a multiple of size, as both are bounded by 2^18. (A span of one
 * block may be a page longer, but the only multiple there is 0.)
 */
static _always_inline_ uint32_t sizeclass_index(const struct sizeclass *sizeclass, size_t offset)
{
	return (uint32_t)(((uint64_t)offset * sizeclass->reciprocal) >> 32);
}

/*
 * The same for any offset below the end of the last block of a span of several: false if something is left over. The
 * lower half of the product is the quotient times the reciprocal's error, which is small, and for each byte left over
 * once the reciprocal. test-heap-tables.c goes through all offsets of all those classes; in larger blocks the lower
 * half would overflow.
 */
static _always_inline_ bool sizeclass_divide(const struct sizeclass *sizeclass, size_t offset,
					     uint32_t *ret_index)
{
	const uint64_t product = (uint64_t)offset * sizeclass->reciprocal;

	*ret_index = (uint32_t)(product >> 32);
	return (uint32_t)product < sizeclass->reciprocal;
}

/*
 * The smallest class whose blocks hold size bytes and are all aligned to align (a power of two, at most
 * the page size). 0 if no class does: blocks that begin at any cache line are not aligned to more.
 */
unsigned sizeclass_of_aligned(size_t align, size_t size);

#endif
