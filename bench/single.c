/* SPDX-License-Identifier: MIT */
/*
 * single.c: one thread: pairs, batches in three orders, random sizes, calloc, realloc, large blocks.
 *
 * The loops do as little as they can beside allocating. Each block's ends are written, since a program
 * that asks for memory uses it, and an allocator that touches a block first has its advantage.
 */
#include <string.h>

#include "workload.h"

#define PAGE 4096u

/* The blocks, and what holds them. */
static void free_all(char **blocks, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		free(blocks[i]);
	free(blocks);
}

/* An operation is malloc and free. */
void run_pairs(const struct workload *workload)
{
	const uint64_t started = bench_now_ns();

	for (uint64_t i = 0; i < workload->n; i++) {
		char *block = workload_block(workload->size);

		__asm__ volatile("" : : "r"(block) : "memory");
		free(block);
	}
	bench_print(workload->name, started, workload->n);
}

static void shuffle(uint32_t *order, uint32_t n)
{
	uint64_t seed = 88172645463325252ull;

	for (uint32_t i = n; i-- > 1;) {
		const uint32_t k = (uint32_t)(bench_random(&seed) % (i + 1)), kept = order[i];

		order[i] = order[k];
		order[k] = kept;
	}
}

/* The places in the order in which they are emptied. Mapped, so that it is not part of the work. */
static uint32_t *make_order(const struct workload *workload)
{
	uint32_t *order = malloc(workload->count * sizeof(*order));

	if (!order)
		abort();
	for (uint32_t i = 0; i < workload->count; i++)
		order[i] = workload->order == LIFO ? workload->count - 1 - i : i;
	if (workload->order == RANDOM)
		shuffle(order, workload->count);
	return order;
}

/* count blocks are allocated, then all are freed. An operation is malloc and free of one. */
void run_batches(const struct workload *workload)
{
	uint32_t *order = make_order(workload);
	char **blocks = calloc(workload->count, sizeof(*blocks));
	uint64_t n = 0, started = bench_now_ns();

	if (!blocks)
		abort();
	for (; n < workload->n; n += workload->count) {
		for (uint32_t i = 0; i < workload->count; i++)
			blocks[i] = workload_block(workload->size);
		for (uint32_t i = 0; i < workload->count; i++)
			free(blocks[order[i]]);
	}
	bench_print(workload->name, started, n);
	free(blocks);
	free(order);
}

/* A random block of count is freed, and one of a random size takes its place. */
void run_random_sizes(const struct workload *workload)
{
	char **blocks = calloc(workload->count, sizeof(*blocks));
	uint64_t seed = 362436069, started;

	if (!blocks)
		abort();
	for (uint32_t i = 0; i < workload->count; i++)
		blocks[i] = workload_block(workload_size(&seed, workload->size));
	started = bench_now_ns();
	for (uint64_t i = 0; i < workload->n; i++) {
		char **place = &blocks[bench_random(&seed) % workload->count];

		free(*place);
		*place = workload_block(workload_size(&seed, workload->size));
	}
	bench_print(workload->name, started, workload->n);
	free_all(blocks, workload->count);
}

/* As run_pairs, with count blocks alive, since zeroing what was just freed is a special case. */
void run_calloc(const struct workload *workload)
{
	char **blocks = calloc(workload->count, sizeof(*blocks));
	uint64_t started = bench_now_ns();

	if (!blocks)
		abort();
	for (uint64_t i = 0; i < workload->n; i++) {
		char **place = &blocks[i % workload->count];

		free(*place);
		*place = calloc(1, workload->size);
		if (!*place || (*place)[workload->size - 1])
			abort();
		(*place)[0] = (*place)[workload->size - 1] = 1;
		for (size_t k = 0; workload->touched && k < workload->size; k += PAGE)
			(*place)[k] = 1;
	}
	bench_print(workload->name, started, workload->n);
	free_all(blocks, workload->count);
}

/* A buffer grows from nothing to size in count steps of equal length. An operation is one step. */
void run_realloc(const struct workload *workload)
{
	const size_t step = workload->size / workload->count;
	uint64_t n = 0, started = bench_now_ns();

	for (; n < workload->n; n += workload->count) {
		char *buffer = NULL;
		/* what other parts of a program allocate meanwhile */
		char *other = NULL;

		for (size_t size = step; size <= workload->size; size += step) {
			buffer = realloc(buffer, size);
			if (!buffer)
				abort();
			memset(buffer + size - step, 1, step);
			free(other);
			other = workload_block(100);
		}
		free(other);
		free(buffer);
	}
	bench_print(workload->name, started, n);
}

/* A ring of count large blocks: the oldest is freed, a new one allocated, and touched or not. */
void run_large(const struct workload *workload)
{
	char **blocks = calloc(workload->count, sizeof(*blocks));
	uint64_t started = bench_now_ns();

	if (!blocks)
		abort();
	for (uint64_t i = 0; i < workload->n; i++) {
		char **place = &blocks[i % workload->count];

		free(*place);
		*place = malloc(workload->size);
		if (!*place)
			abort();
		__asm__ volatile("" : : "r"(*place) : "memory");
		for (size_t k = 0; workload->touched && k < workload->size; k += PAGE)
			(*place)[k] = 1;
	}
	bench_print(workload->name, started, workload->n);
	free_all(blocks, workload->count);
}

/* What a program costs that does next to nothing: starting it, and its memory. */
void run_nothing(const struct workload *workload)
{
	for (uint64_t i = 0; i < workload->n; i++)
		free(workload_block(100));
}
