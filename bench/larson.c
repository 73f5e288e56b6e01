/* SPDX-License-Identifier: MIT */
/*
 * larson.c: a server's pattern: threads that hold blocks of mixed sizes, free a random one and allocate
 * another in its place, and after a while hand all of them on to a new thread and end. Blocks are thus
 * freed by threads that did not allocate them.
 *
 * The pattern is that of P. Larson and M. Krishnan, "Memory allocation for long-running server
 * applications", ISMM 1998.
 *
 * usage: larson [THREADS [GENERATIONS [ROUNDS [BLOCKS]]]]
 */
#include <pthread.h>
#include <stdalign.h>
#include <stdbool.h>

#include "bench.h"

#define SMALLEST 8u
#define LARGEST  1000u

struct worker {
	alignas(BENCH_APART) uint64_t seed;
	void **blocks;
	uint64_t generations; /* that are still to come */
};

static uint64_t n_blocks, n_rounds;

static void *new_block(uint64_t *seed)
{
	const size_t size = SMALLEST + bench_random(seed) % (LARGEST - SMALLEST);
	char *block = malloc(size);

	if (!block)
		abort();
	/* a program that asks for memory also uses it */
	block[0] = block[size - 1] = 1;
	return block;
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	pthread_t next;

	for (uint64_t i = 0; i < n_rounds; i++) {
		void **place = &worker->blocks[bench_random(&worker->seed) % n_blocks];

		free(*place);
		*place = new_block(&worker->seed);
	}
	if (worker->generations-- > 1) {
		if (pthread_create(&next, NULL, work, worker) != 0)
			abort();
		(void)pthread_join(next, NULL);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	const uint64_t n_threads = bench_argument(argc, argv, 1, 2);
	const uint64_t n_generations = bench_argument(argc, argv, 2, 10);
	struct worker *workers = aligned_alloc(BENCH_APART, n_threads * sizeof(*workers));
	pthread_t *threads = calloc(n_threads, sizeof(*threads));
	uint64_t started;

	n_rounds = bench_argument(argc, argv, 3, 1000000);
	n_blocks = bench_argument(argc, argv, 4, 2000);
	if (!workers || !threads)
		return 1;
	/* one thread makes what the others begin with */
	for (uint64_t i = 0; i < n_threads; i++) {
		workers[i] = (struct worker){i * 7919 + 12345, calloc(n_blocks, sizeof(void *)),
					     n_generations};
		for (uint64_t k = 0; k < n_blocks; k++)
			workers[i].blocks[k] = new_block(&workers[i].seed);
	}
	started = bench_now_ns();
	for (uint64_t i = 0; i < n_threads; i++)
		if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0)
			return 1;
	for (uint64_t i = 0; i < n_threads; i++)
		(void)pthread_join(threads[i], NULL);
	bench_print("larson", started, n_threads * n_generations * n_rounds);
	for (uint64_t i = 0; i < n_threads; i++) {
		for (uint64_t k = 0; k < n_blocks; k++)
			free(workers[i].blocks[k]);
		free(workers[i].blocks);
	}
	free(workers);
	free(threads);
	return 0;
}
