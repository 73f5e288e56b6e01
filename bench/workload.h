/* SPDX-License-Identifier: MIT */
/*
 * workload.h: the entries of micro's table. A workload prepares itself, notes the time, does about n
 * operations, and prints what one of them cost with bench_print; what an operation is, its text says.
 */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include <stdbool.h>

#include "bench.h"

struct workload {
	const char *name;
	const char *text; /* one line for people */
	void (*run)(const struct workload *workload);
	uint64_t n;       /* operations, all threads together */
	size_t size;      /* bytes of a block, or the largest */
	unsigned count;   /* blocks that live at the same time, for each thread */
	unsigned threads; /* 0: the workload has no other threads */
	enum { FIFO, LIFO, RANDOM } order;
	bool touched; /* whether each page of a block is written to */
};

/* single.c */
void run_pairs(const struct workload *workload);
void run_batches(const struct workload *workload);
void run_random_sizes(const struct workload *workload);
void run_calloc(const struct workload *workload);
void run_realloc(const struct workload *workload);
void run_large(const struct workload *workload);
void run_nothing(const struct workload *workload);

/* threads.c */
void run_threads(const struct workload *workload);
void run_hand_over(const struct workload *workload);
void run_thread_churn(const struct workload *workload);

/* mix.c */
void run_mix(const struct workload *workload);

/* burst.c */
void run_burst(const struct workload *workload);

/* A block that is used: its first and last bytes are written. Ends the program without memory. */
static inline char *workload_block(size_t size)
{
	char *block = malloc(size);

	if (!block)
		abort();
	block[0] = block[size - 1] = 1;
	return block;
}

/* The smallest of the random sizes. */
#define WORKLOAD_SMALLEST 16u

static inline size_t workload_size(uint64_t *seed, size_t largest)
{
	return WORKLOAD_SMALLEST + bench_random(seed) % (largest - WORKLOAD_SMALLEST + 1);
}

#endif
