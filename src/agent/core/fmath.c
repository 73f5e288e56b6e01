/* SPDX-License-Identifier: MIT */
/*
 * fmath.c: logarithm and exponential by argument reduction and a short series.
 *
 * log: x = m·2^k with m in [√½, √2); with s = (m-1)/(m+1), |s| < 0.1716,
 * log m = 2(s + s³/3 + s⁵/5 + …), cut after s¹⁹ (the next term is below 2e-17).
 *
 * 1 - exp(-x): for x below ½·log 2 the series of it, in which nothing cancels; above, x = k·log 2 + r
 * with |r| below that, exp(-x) = 2^-k·exp(-r). Both are cut after the 14th power (1e-18).
 *
 * Context: any thread, inside malloc; no state.
 */
#include "agent/core/fmath.h"

#include <stdint.h>

/* log 2 in two parts: the first has 24 zero bits at its end, so that k times it is exact. */
static const double fmath_ln2_high = 0x1.62e42fep-1, fmath_ln2_low = 0x1.f473de6af278edp-30;

static double fmath_from_bits(uint64_t bits)
{
	union {
		uint64_t bits;
		double value;
	} u = {.bits = bits};

	return u.value;
}

double fmath_log(double x)
{
	union {
		double value;
		uint64_t bits;
	} u = {.value = x};
	int k = (int)(u.bits >> 52) - 1023;
	double m = fmath_from_bits((u.bits & 0x000fffffffffffffull) | 0x3ff0000000000000ull);
	double s, z, sum = 0;

	if (m > 1.4142135623730951) {
		m *= 0.5;
		k++;
	}
	s = (m - 1) / (m + 1);
	z = s * s;
	for (int i = 19; i >= 3; i -= 2)
		sum = (sum + 1.0 / i) * z;
	sum = 2 * s + 2 * s * sum;
	return k * fmath_ln2_high + (sum + k * fmath_ln2_low);
}

/* 1 - exp(-x) for |x| up to ½·log 2, by its series */
static double fmath_series(double x)
{
	static const double inverse[] = {1.0 / 14, 1.0 / 13, 1.0 / 12, 1.0 / 11, 1.0 / 10,
					 1.0 / 9,  1.0 / 8,  1.0 / 7,  1.0 / 6,  1.0 / 5,
					 1.0 / 4,  1.0 / 3,  1.0 / 2};
	/* of a small x the last terms do not count */
	unsigned i = x >= 0x1p-6 || x < 0 ? 0 : x >= 0x1p-12 ? 6 : 9;
	double sum = 1;

	/* x(1 - x/2(1 - x/3(1 - …))) */
	for (; i < sizeof(inverse) / sizeof(inverse[0]); i++)
		sum = 1 - x * inverse[i] * sum;
	return x * sum;
}

double fmath_one_minus_exp(double x)
{
	double r;
	int k;

	if (x < 0.34657359027997264)
		return fmath_series(x);
	if (x > 50)
		return 1;
	k = (int)(x * 1.4426950408889634 + 0.5);
	r = (x - k * fmath_ln2_high) - k * fmath_ln2_low;
	return 1 - fmath_from_bits((uint64_t)(1023 - k) << 52) * (1 - fmath_series(r));
}
