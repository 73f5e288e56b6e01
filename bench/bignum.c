/* SPDX-License-Identifier: MIT */
/* bignum.c: schoolbook arithmetic on digits of 32 bits, the lowest first, without leading zeros. */
#include "bignum.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bignum {
	uint32_t n; /* digits; 0 for zero */
	uint32_t digits[];
};

uint64_t bignum_n_made;

static struct bignum *make(uint32_t n)
{
	struct bignum *a = malloc(sizeof(*a) + n * sizeof(a->digits[0]));

	if (!a)
		abort();
	bignum_n_made++;
	a->n = n;
	return a;
}

static struct bignum *strip(struct bignum *a)
{
	while (a->n && !a->digits[a->n - 1])
		a->n--;
	return a;
}

struct bignum *bignum_new(uint64_t value)
{
	struct bignum *a = make(2);

	a->digits[0] = (uint32_t)value;
	a->digits[1] = (uint32_t)(value >> 32);
	return strip(a);
}

void bignum_free(struct bignum *a)
{
	free(a);
}

struct bignum *bignum_parse(const char *decimal)
{
	struct bignum *a = bignum_new(0), *ten = bignum_new(10);

	for (; *decimal; decimal++) {
		struct bignum *tens = bignum_multiply(a, ten);
		struct bignum *digit = bignum_new((uint64_t)(*decimal - '0'));

		bignum_free(a);
		a = bignum_add(tens, digit);
		bignum_free(tens);
		bignum_free(digit);
	}
	bignum_free(ten);
	return a;
}

int bignum_compare(const struct bignum *a, const struct bignum *b)
{
	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	for (uint32_t i = a->n; i-- > 0;)
		if (a->digits[i] != b->digits[i])
			return a->digits[i] < b->digits[i] ? -1 : 1;
	return 0;
}

bool bignum_is_zero(const struct bignum *a)
{
	return a->n == 0;
}

bool bignum_is(const struct bignum *a, uint32_t value)
{
	return value ? a->n == 1 && a->digits[0] == value : a->n == 0;
}

struct bignum *bignum_add(const struct bignum *a, const struct bignum *b)
{
	struct bignum *sum;
	uint64_t carry = 0;

	if (a->n < b->n)
		return bignum_add(b, a);
	sum = make(a->n + 1);
	for (uint32_t i = 0; i < a->n; i++) {
		carry += (uint64_t)a->digits[i] + (i < b->n ? b->digits[i] : 0);
		sum->digits[i] = (uint32_t)carry;
		carry >>= 32;
	}
	sum->digits[a->n] = (uint32_t)carry;
	return strip(sum);
}

struct bignum *bignum_subtract(const struct bignum *a, const struct bignum *b)
{
	struct bignum *difference = make(a->n);
	int64_t borrow = 0;

	for (uint32_t i = 0; i < a->n; i++) {
		borrow += (int64_t)a->digits[i] - (i < b->n ? b->digits[i] : 0);
		difference->digits[i] = (uint32_t)borrow;
		borrow >>= 32;
	}
	return strip(difference);
}

struct bignum *bignum_multiply(const struct bignum *a, const struct bignum *b)
{
	struct bignum *product = make(a->n + b->n);

	memset(product->digits, 0, product->n * sizeof(product->digits[0]));
	for (uint32_t i = 0; i < a->n; i++) {
		uint64_t carry = 0;

		for (uint32_t k = 0; k < b->n; k++) {
			carry += (uint64_t)a->digits[i] * b->digits[k] + product->digits[i + k];
			product->digits[i + k] = (uint32_t)carry;
			carry >>= 32;
		}
		product->digits[i + b->n] = (uint32_t)carry;
	}
	return strip(product);
}

struct bignum *bignum_divide_small(const struct bignum *a, uint32_t b, uint32_t *ret_rest)
{
	struct bignum *quotient = make(a->n);
	uint64_t rest = 0;

	for (uint32_t i = a->n; i-- > 0;) {
		rest = rest << 32 | a->digits[i];
		quotient->digits[i] = (uint32_t)(rest / b);
		rest %= b;
	}
	*ret_rest = (uint32_t)rest;
	return strip(quotient);
}

static uint32_t digit_at(const struct bignum *a, uint32_t i, unsigned shift)
{
	uint64_t both = i < a->n ? a->digits[i] : 0;

	if (shift && i > 0)
		return (uint32_t)(both << shift | a->digits[i - 1] >> (32 - shift));
	return (uint32_t)(both << shift);
}

/* One digit of the quotient: D. Knuth, The Art of Computer Programming 2, 4.3.1, algorithm D. */
static uint32_t divide_step(uint32_t *rest, const uint32_t *divisor, uint32_t n)
{
	const uint64_t top = (uint64_t)rest[n] << 32 | rest[n - 1];
	uint64_t guess = top / divisor[n - 1], left = top % divisor[n - 1];
	uint64_t product = 0;
	int64_t borrow = 0;

	while (guess >> 32 || guess * divisor[n - 2] > (left << 32 | rest[n - 2])) {
		guess--;
		left += divisor[n - 1];
		if (left >> 32)
			break;
	}
	for (uint32_t i = 0; i <= n; i++) {
		product += i < n ? guess * divisor[i] : 0;
		borrow += (int64_t)rest[i] - (uint32_t)product;
		rest[i] = (uint32_t)borrow;
		product >>= 32;
		borrow >>= 32;
	}
	if (borrow < 0) {
		uint64_t carry = 0;

		guess--;
		for (uint32_t i = 0; i <= n; i++) {
			carry += (uint64_t)rest[i] + (i < n ? divisor[i] : 0);
			rest[i] = (uint32_t)carry;
			carry >>= 32;
		}
	}
	return (uint32_t)guess;
}

static void divide_large(const struct bignum *a, const struct bignum *b,
			 struct bignum **ret_quotient, struct bignum **ret_rest)
{
	const unsigned shift = (unsigned)__builtin_clz(b->digits[b->n - 1]);
	struct bignum *divisor = make(b->n), *rest = make(a->n + 1);
	struct bignum *quotient = make(a->n - b->n + 1);

	for (uint32_t i = 0; i < b->n; i++)
		divisor->digits[i] = digit_at(b, i, shift);
	for (uint32_t i = 0; i <= a->n; i++)
		rest->digits[i] = digit_at(a, i, shift);
	for (uint32_t i = quotient->n; i-- > 0;)
		quotient->digits[i] = divide_step(rest->digits + i, divisor->digits, b->n);
	for (uint32_t i = 0; shift && i < rest->n; i++)
		rest->digits[i] = rest->digits[i] >> shift |
				  (i + 1 < rest->n ? rest->digits[i + 1] << (32 - shift) : 0);
	bignum_free(divisor);
	*ret_quotient = strip(quotient);
	*ret_rest = strip(rest);
}

void bignum_divide(const struct bignum *a, const struct bignum *b, struct bignum **ret_quotient,
		   struct bignum **ret_rest)
{
	struct bignum *quotient, *rest;

	if (a->n < b->n) {
		quotient = bignum_new(0);
		rest = make(a->n);
		memcpy(rest->digits, a->digits, a->n * sizeof(a->digits[0]));
	} else if (b->n == 1) {
		uint32_t small;

		quotient = bignum_divide_small(a, b->digits[0], &small);
		rest = bignum_new(small);
	} else {
		divide_large(a, b, &quotient, &rest);
	}
	if (ret_quotient)
		*ret_quotient = quotient;
	else
		bignum_free(quotient);
	if (ret_rest)
		*ret_rest = rest;
	else
		bignum_free(rest);
}

struct bignum *bignum_reduce(struct bignum *a, const struct bignum *b)
{
	struct bignum *rest;

	bignum_divide(a, b, NULL, &rest);
	bignum_free(a);
	return rest;
}

struct bignum *bignum_root(const struct bignum *a)
{
	struct bignum *root = make(a->n / 2 + 2);

	/* Newton's method from above: it falls until it is there */
	memset(root->digits, 0, root->n * sizeof(root->digits[0]));
	root->digits[root->n - 1] = 1;
	for (;;) {
		struct bignum *quotient, *sum, *next;
		uint32_t rest;
		bool done;

		bignum_divide(a, root, &quotient, NULL);
		sum = bignum_add(root, quotient);
		next = bignum_divide_small(sum, 2, &rest);
		done = bignum_compare(next, root) >= 0;
		bignum_free(quotient);
		bignum_free(sum);
		bignum_free(done ? next : root);
		if (done)
			return root;
		root = next;
	}
}

struct bignum *bignum_gcd(const struct bignum *a, const struct bignum *b)
{
	struct bignum *zero = bignum_new(0);
	struct bignum *x = bignum_add(a, zero), *y = bignum_add(b, zero);

	while (!bignum_is_zero(y)) {
		struct bignum *rest = bignum_reduce(x, y);

		x = y;
		y = rest;
	}
	bignum_free(y);
	bignum_free(zero);
	return x;
}

void bignum_print(const struct bignum *a)
{
	uint32_t digit;
	struct bignum *tenth = bignum_divide_small(a, 10, &digit);

	if (!bignum_is_zero(tenth))
		bignum_print(tenth);
	bignum_free(tenth);
	(void)putchar('0' + (int)digit);
}
