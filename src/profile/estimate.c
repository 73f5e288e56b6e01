/* SPDX-License-Identifier: MIT */
/*
 * Each sampled block was drawn with its own probability p = 1 - exp(-Z/R), so each is weighted by its
 * own 1/p and the sum is unbiased even when the interval R changed on the way. The sampler draws at
 * least one byte a block, so an empty block has the probability of one byte, and stands for blocks but
 * for no bytes.
 *
 * 1 - exp(-x) loses all digits for small x when it is written like that; expm1 does not.
 */
#include "profile/estimate.h"

#include <math.h>

void estimate_add(struct estimate *estimate, uint64_t size, uint64_t interval)
{
	double bytes = (double)size;
	double p = 1.0;

	if (interval > 0)
		p = -expm1(-(size > 0 ? bytes : 1.0) / (double)interval);
	estimate->bytes += bytes / p;
	estimate->blocks += 1.0 / p;
	estimate->variance += bytes * bytes * (1.0 - p) / (p * p);
	estimate->n_samples++;
}

double estimate_stderr(const struct estimate *estimate)
{
	return sqrt(estimate->variance);
}

uint64_t estimate_round(double value)
{
	if (!(value > 0))
		return 0;
	/* the largest double below 2^63: beyond it the figure is nonsense anyway */
	if (value >= 9.2e18)
		return INT64_MAX;
	return (uint64_t)(value + 0.5);
}

void estimate_settle(uint64_t *allocated, uint64_t live, uint64_t freed_blocks,
		     uint64_t n_roundings)
{
	if (freed_blocks == 0 && *allocated - live <= n_roundings)
		*allocated = live;
}
