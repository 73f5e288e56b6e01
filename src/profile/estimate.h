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

#endif
