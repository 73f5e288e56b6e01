/* SPDX-License-Identifier: MIT */
/*
 * stack-hash.h: a number for a stack that grows with it, from the outermost frame inward.
 *
 * It is a polynomial in the frames, each scrambled first, modulo 2^64: one more frame costs two
 * multiplications, and the number of the innermost n frames of a longer stack follows from two others.
 * So whoever remembers the number of a part needs to look only at what was added to it.
 */
#ifndef AGENT_CORE_STACK_HASH_H
#define AGENT_CORE_STACK_HASH_H

#include <stdint.h>

#include "base/macro.h"

#define STACK_HASH_BASE 0x9e3779b97f4a7c15ull

/* outer is the number of all frames further out, 0 if there are none. */
static _always_inline_ uint64_t stack_hash_add(uint64_t outer, uint64_t frame)
{
	uint64_t x = (frame ^ frame >> 32) * 0xa0761d6478bd642full;

	return outer * STACK_HASH_BASE + (x ^ x >> 29);
}

/* Of frames as they are recorded, innermost first. */
static inline uint64_t stack_hash(const uint64_t *frames, unsigned n)
{
	uint64_t hash = 0;

	while (n > 0)
		hash = stack_hash_add(hash, frames[--n]);
	return hash;
}

/* Of the innermost n frames of the stack with that number; outer is the number of the others. */
static inline uint64_t stack_hash_cut(uint64_t hash, uint64_t outer, unsigned n)
{
	uint64_t power = 1, square = STACK_HASH_BASE;

	for (; n > 0; n /= 2) {
		if (n % 2)
			power *= square;
		square *= square;
	}
	return hash - outer * power;
}

#endif
