/* SPDX-License-Identifier: MIT */
/*
 * cfrac.c: factors a number by continued fractions, with arithmetic in which each result is a new
 * block: many millions of blocks of 8 to 40 bytes that live for a moment, in one thread.
 *
 * The method is that of M. Morrison and J. Brillhart, "A method of factoring and the factorization of
 * F7", Mathematics of Computation 29, 1975: the convergents A/B of sqrt(N) give A² = ±Q modulo N with
 * small Q; those Q that consist of small primes are combined to a square on both sides.
 *
 * usage: cfrac [N [PRIMES]]
 */
#include <stdbool.h>
#include <string.h>

#include "bench.h"
#include "bignum.h"

#define MAX_PRIMES 512u
#define EXTRA      12u
#define WORDS      ((MAX_PRIMES + EXTRA) / 64 + 1)

/* A² = (-1)^exponents[0] * product of primes[i]^exponents[i] modulo N */
struct relation {
	struct bignum *a;
	uint8_t exponents[MAX_PRIMES];
	uint64_t odd[WORDS]; /* which exponents are odd, and after elimination those of the sum */
	uint64_t combined[WORDS]; /* which relations were added up */
};

static uint32_t primes[MAX_PRIMES]; /* the first stands for the sign */
static unsigned n_primes = 1;
static struct relation *relations[MAX_PRIMES + EXTRA];
static unsigned n_relations;

/* Whether n is zero or a square modulo p: by Euler's criterion. */
static bool is_residue(const struct bignum *n, uint32_t p)
{
	uint64_t power = 1, base;
	uint32_t rest;

	bignum_free(bignum_divide_small(n, p, &rest));
	base = rest;
	for (uint32_t e = (p - 1) / 2; e; e >>= 1) {
		if (e & 1)
			power = power * base % p;
		base = base * base % p;
	}
	return p == 2 || power == 1;
}

static void choose_primes(const struct bignum *n, unsigned wanted)
{
	for (uint32_t p = 2; n_primes < wanted && n_primes < MAX_PRIMES; p++) {
		bool prime = true;

		for (uint32_t d = 2; d * d <= p && prime; d++)
			prime = p % d != 0;
		if (prime && is_residue(n, p))
			primes[n_primes++] = p;
	}
}

/* Divides q by all the primes, and keeps the relation if nothing is left. */
static void try_relation(const struct bignum *a, const struct bignum *q, bool negative)
{
	struct relation candidate = {.exponents = {negative}};
	struct bignum *zero = bignum_new(0);
	struct bignum *left = bignum_add(q, zero);

	for (unsigned i = 1; i < n_primes; i++) {
		uint32_t rest;
		struct bignum *quotient = bignum_divide_small(left, primes[i], &rest);

		while (rest == 0) {
			candidate.exponents[i]++;
			bignum_free(left);
			left = quotient;
			quotient = bignum_divide_small(left, primes[i], &rest);
		}
		bignum_free(quotient);
	}
	if (bignum_is(left, 1)) {
		for (unsigned i = 0; i < n_primes; i++)
			candidate.odd[i / 64] |= (uint64_t)(candidate.exponents[i] & 1) << i % 64;
		candidate.combined[n_relations / 64] |= 1ull << n_relations % 64;
		candidate.a = bignum_add(a, zero);
		relations[n_relations] = malloc(sizeof(candidate));
		if (!relations[n_relations])
			abort();
		*relations[n_relations++] = candidate;
	}
	bignum_free(left);
	bignum_free(zero);
}

/* a * b modulo n; consumes a */
static struct bignum *times(struct bignum *a, const struct bignum *b, const struct bignum *n)
{
	struct bignum *product = bignum_multiply(a, b);

	bignum_free(a);
	return bignum_reduce(product, n);
}

struct expansion {
	struct bignum *p, *q, *a, *a_before; /* P, Q, and the numerators modulo N */
	bool negative;
};

/* Goes to the next convergent. */
static void expand(struct expansion *x, const struct bignum *n, const struct bignum *root)
{
	struct bignum *sum = bignum_add(root, x->p), *part, *product, *p, *q, *square, *rest, *a;

	bignum_divide(sum, x->q, &part, NULL);
	product = bignum_multiply(part, x->q);
	p = bignum_subtract(product, x->p);
	square = bignum_multiply(p, p);
	rest = bignum_subtract(n, square);
	bignum_divide(rest, x->q, &q, NULL);
	bignum_free(product);
	product = bignum_multiply(part, x->a);
	a = bignum_reduce(bignum_add(product, x->a_before), n);
	bignum_free(product);
	bignum_free(sum);
	bignum_free(part);
	bignum_free(square);
	bignum_free(rest);
	bignum_free(x->p);
	bignum_free(x->q);
	bignum_free(x->a_before);
	*x = (struct expansion){.p = p, .q = q, .a = a, .a_before = x->a, .negative = !x->negative};
}

static void find_relations(const struct bignum *n)
{
	struct bignum *root = bignum_root(n);
	struct expansion x = {
		.p = bignum_new(0),
		.q = bignum_new(1),
		.a = bignum_new(1),
		.a_before = bignum_new(0),
	};

	while (n_relations < n_primes + EXTRA) {
		expand(&x, n, root);
		try_relation(x.a, x.q, x.negative);
	}
	bignum_free(x.p);
	bignum_free(x.q);
	bignum_free(x.a);
	bignum_free(x.a_before);
	bignum_free(root);
}

/* The greatest common divisor of N and X - Y, for the square that a sum of relations gives. */
static struct bignum *divisor_of(const struct relation *sum, const struct bignum *n)
{
	struct bignum *x = bignum_new(1), *y = bignum_new(1), *difference, *divisor;
	unsigned exponents[MAX_PRIMES] = {0};

	for (unsigned i = 0; i < n_relations; i++) {
		if (!(sum->combined[i / 64] >> i % 64 & 1))
			continue;
		x = times(x, relations[i]->a, n);
		for (unsigned k = 1; k < n_primes; k++)
			exponents[k] += relations[i]->exponents[k];
	}
	for (unsigned k = 1; k < n_primes; k++) {
		struct bignum *prime = bignum_new(primes[k]);

		for (unsigned e = exponents[k] / 2; e; e--)
			y = times(y, prime, n);
		bignum_free(prime);
	}
	difference = bignum_compare(x, y) < 0 ? bignum_subtract(y, x) : bignum_subtract(x, y);
	divisor = bignum_gcd(difference, n);
	bignum_free(x);
	bignum_free(y);
	bignum_free(difference);
	return divisor;
}

static bool is_odd(const struct relation *relation, unsigned column)
{
	return relation->odd[column / 64] >> column % 64 & 1;
}

static void add(struct relation *to, const struct relation *relation)
{
	for (unsigned w = 0; w < WORDS; w++) {
		to->odd[w] ^= relation->odd[w];
		to->combined[w] ^= relation->combined[w];
	}
}

/* Gauss's elimination modulo 2: the rows that are not used as pivots become zero, which is a square. */
static void eliminate(bool *used)
{
	for (unsigned column = 0; column < n_primes; column++) {
		unsigned pivot = 0;

		while (pivot < n_relations && (used[pivot] || !is_odd(relations[pivot], column)))
			pivot++;
		if (pivot == n_relations)
			continue;
		used[pivot] = true;
		for (unsigned i = 0; i < n_relations; i++)
			if (i != pivot && is_odd(relations[i], column))
				add(relations[i], relations[pivot]);
	}
}

/* A proper divisor of N from one of the squares, NULL if none gives one. */
static struct bignum *combine(const struct bignum *n)
{
	bool used[MAX_PRIMES + EXTRA] = {false};

	eliminate(used);
	for (unsigned i = 0; i < n_relations; i++) {
		struct bignum *divisor;

		if (used[i])
			continue;
		divisor = divisor_of(relations[i], n);
		if (!bignum_is(divisor, 1) && bignum_compare(divisor, n) != 0)
			return divisor;
		bignum_free(divisor);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct bignum *n = bignum_parse(argc > 1 ? argv[1] : "2305843009303621828359334064089");
	const uint64_t started = bench_now_ns();
	struct bignum *divisor;

	choose_primes(n, (unsigned)bench_argument(argc, argv, 2, 220));
	find_relations(n);
	divisor = combine(n);
	if (divisor) {
		printf("divisor ");
		bignum_print(divisor);
		printf("\n");
	}
	bench_print("cfrac", started, bignum_n_made);
	for (unsigned i = 0; i < n_relations; i++) {
		bignum_free(relations[i]->a);
		free(relations[i]);
	}
	bignum_free(divisor);
	bignum_free(n);
	return divisor ? 0 : 1;
}
