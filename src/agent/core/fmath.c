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
 * Series are summed in pairs, pairs of pairs and so on (Estrin's scheme): each step waits for two others at most,
 * where one term after the other (Horner's) would be a chain of 13 that takes two and a half times as long.
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
	double s, z, z2, z4, low, high, sum;

	if (m > 1.4142135623730951) {
		m *= 0.5;
		k++;
	}
	s = (m - 1) / (m + 1);
	z = s * s;
	z2 = z * z;
	z4 = z2 * z2;
	low = (1.0 / 3 + z * (1.0 / 5)) + z2 * (1.0 / 7 + z * (1.0 / 9));
	high = (1.0 / 11 + z * (1.0 / 13)) + z2 * (1.0 / 15 + z * (1.0 / 17));
	sum = 2 * s + 2 * s * z * (low + z4 * (high + z4 * (1.0 / 19)));
	return k * fmath_ln2_high + (sum + k * fmath_ln2_low);
}

/* 1 - exp(-x) for |x| up to ½·log 2, by its series: with y = -x, x - y²(1/2! + y/3! + y²/4! + … + y¹²/14!) */
static double fmath_series(double x)
{
	const double y = -x, y2 = y * y, y4 = y2 * y2, y8 = y4 * y4;
	const double to_5 = (1.0 / 2 + y * (1.0 / 6)) + y2 * (1.0 / 24 + y * (1.0 / 120));
	const double to_9 =
		(1.0 / 720 + y * (1.0 / 5040)) + y2 * (1.0 / 40320 + y * (1.0 / 362880));
	const double to_13 = (1.0 / 3628800 + y * (1.0 / 39916800)) +
			     y2 * (1.0 / 479001600 + y * (1.0 / 6227020800));

	return x - y2 * ((to_5 + y4 * to_9) + y8 * (to_13 + y4 * (1.0 / 87178291200)));
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
