/* SPDX-License-Identifier: MIT */
/*
 * bignum.h: natural numbers for cfrac.c. Each result is a new block and is never changed; arguments
 * stay as they are, but for the functions that say they consume them.
 */
#ifndef BENCH_BIGNUM_H
#define BENCH_BIGNUM_H

#include <stdbool.h>
#include <stdint.h>

struct bignum;

/* Blocks made so far by all functions. */
extern uint64_t bignum_n_made;

struct bignum *bignum_new(uint64_t value);
struct bignum *bignum_parse(const char *decimal);
void bignum_free(struct bignum *a);

int bignum_compare(const struct bignum *a, const struct bignum *b);
bool bignum_is_zero(const struct bignum *a);
/* Whether it is that number. */
bool bignum_is(const struct bignum *a, uint32_t value);

struct bignum *bignum_add(const struct bignum *a, const struct bignum *b);
/* a is at least b */
struct bignum *bignum_subtract(const struct bignum *a, const struct bignum *b);
struct bignum *bignum_multiply(const struct bignum *a, const struct bignum *b);
/* b is not zero; either of the results may be NULL */
void bignum_divide(const struct bignum *a, const struct bignum *b, struct bignum **ret_quotient,
		   struct bignum **ret_rest);
struct bignum *bignum_divide_small(const struct bignum *a, uint32_t b, uint32_t *ret_rest);

/* a modulo b; consumes a */
struct bignum *bignum_reduce(struct bignum *a, const struct bignum *b);
struct bignum *bignum_root(const struct bignum *a);
struct bignum *bignum_gcd(const struct bignum *a, const struct bignum *b);

void bignum_print(const struct bignum *a);

#endif
