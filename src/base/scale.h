/* SPDX-License-Identifier: MIT */
/*
 * scale.h: bytes divided in proportion, without overflow.
 */
#ifndef BASE_SCALE_H
#define BASE_SCALE_H

#include <stdint.h>

/* value * part / whole, rounded down; all of it if whole is 0 or part is no less. */
static inline uint64_t scale(uint64_t value, uint64_t part, uint64_t whole)
{
	if (whole == 0 || part >= whole)
		return value;
	return (uint64_t)((__uint128_t)value * part / whole);
}

#endif
