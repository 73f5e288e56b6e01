/* SPDX-License-Identifier: MIT */
/*
 * estimate.h: sums over sampled blocks: what they stand for, and how wrong that may be. The formulas
 * are in the head of region/abi.h (Horvitz and Thompson 1952).
 */
#ifndef PROFILE_ESTIMATE_H
#define PROFILE_ESTIMATE_H

#include <stdint.h>

struct estimate {
	double bytes, blocks;
	double variance; /* of bytes, bytes²; 0 when everything was recorded */
	uint64_t n_samples;
};

/* Adds a block of size bytes that was sampled at mean interval bytes; 0 = it was certain to be. */
void estimate_add(struct estimate *estimate, uint64_t size, uint64_t interval);

/* Standard error of bytes, in bytes. */
double estimate_stderr(const struct estimate *estimate);

/* The nearest integer, within what fits. */
uint64_t estimate_round(double value);

/*
 * Of n_roundings figures, what was allocated and what is live were rounded each in its own way, by less than a byte
 * each time. A block that was freed counts for more; where none was, both are the same: sets *allocated to live.
 */
void estimate_settle(uint64_t *allocated, uint64_t live, uint64_t freed_blocks,
		     uint64_t n_roundings);

#endif
