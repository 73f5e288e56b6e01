/* SPDX-License-Identifier: MIT */
/* fmath.h: the two functions of real numbers that sampling needs, without libm. */
#ifndef AGENT_CORE_FMATH_H
#define AGENT_CORE_FMATH_H

/* Natural logarithm of a positive normal number; relative error below 4e-16 away from 1. */
double fmath_log(double x);

/* 1 - exp(-x) for x >= 0; relative error below 4e-16. */
double fmath_one_minus_exp(double x);

#endif
