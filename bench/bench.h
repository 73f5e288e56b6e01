/* SPDX-License-Identifier: MIT */
/* bench.h: what the workloads share: a clock, a random sequence and the line that each prints. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/*
 * What one thread writes at each step lies this far from what another does: with two such words on one
 * cache line (two lines are fetched at once) the processors pass it to and fro, and all allocators look
 * alike.
 */
#define BENCH_APART 128

/* Processor time of all threads: other programs on the machine do not count. */
static inline uint64_t bench_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

/* Xorshift: G. Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8, 2003. */
static inline uint64_t bench_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* An argument as a number, or what it is without. */
static inline uint64_t bench_argument(int argc, char **argv, int i, uint64_t otherwise)
{
	return argc > i ? strtoull(argv[i], NULL, 10) : otherwise;
}

static inline void bench_print(const char *name, uint64_t started_ns, uint64_t n_operations)
{
	printf("%s: %.2f ns/op, %" PRIu64 " operations\n", name,
	       (double)(bench_now_ns() - started_ns) / (double)n_operations, n_operations);
}

#endif
