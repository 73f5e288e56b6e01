/* SPDX-License-Identifier: MIT */
/*
 * mix.c: a server's life in short: threads that allocate blocks of very different sizes, most small;
 * most blocks live for a moment, some until the thread has done its part, some are left to whichever
 * thread comes by, and each part ends with new threads in place of the old ones.
 *
 *   own      a list of count places of the thread's; a random one is replaced at each step
 *   kept     blocks that stay until the thread ends
 *   shared   places that all threads exchange blocks through
 *
 * That threads give blocks to each other, and end, is what tells allocators apart here.
 */
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>

#include "workload.h"

#define N_PARTS     8u
#define N_SHARED    1000u
#define MAX_THREADS 128u

struct worker {
	alignas(BENCH_APART) uint64_t seed;
	const struct workload *workload;
	uint64_t n_steps;
};

static _Atomic(char *) shared[N_SHARED];

/* Of 1,000 blocks: 950 are small, 45 of up to 4 K, 4 of up to 32 K, one of up to the largest. */
static size_t mixed_size(const struct workload *workload, uint64_t *seed)
{
	const uint64_t r = bench_random(seed);
	const uint64_t kind = r % 1000, rest = r >> 16;

	if (kind < 950)
		return WORKLOAD_SMALLEST + rest % 256;
	if (kind < 995)
		return WORKLOAD_SMALLEST + rest % 4096;
	if (kind < 999)
		return WORKLOAD_SMALLEST + rest % 32768;
	return WORKLOAD_SMALLEST + rest % workload->size;
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	const struct workload *workload = worker->workload;
	char **own = calloc(workload->count, sizeof(*own));
	char **kept = calloc(worker->n_steps / 64 + 1, sizeof(*kept));
	uint64_t n_kept = 0;

	if (!own || !kept)
		abort();
	for (uint64_t i = 0; i < worker->n_steps; i++) {
		char *block = workload_block(mixed_size(workload, &worker->seed));
		const uint64_t r = bench_random(&worker->seed);

		if (i % 64 == 63) {
			kept[n_kept++] = block;
		} else if (r % 8 == 0) {
			free(atomic_exchange(&shared[(r >> 8) % N_SHARED], block));
		} else {
			char **place = &own[(r >> 8) % workload->count];

			free(*place);
			*place = block;
		}
	}
	for (unsigned i = 0; i < workload->count; i++)
		free(own[i]);
	while (n_kept > 0)
		free(kept[--n_kept]);
	free(own);
	free(kept);
	return NULL;
}

void run_mix(const struct workload *workload)
{
	struct worker workers[MAX_THREADS];
	pthread_t threads[MAX_THREADS];
	const uint64_t n_steps = workload->n / N_PARTS / workload->threads;
	const uint64_t started = bench_now_ns();

	for (unsigned part = 0; part < N_PARTS; part++) {
		for (unsigned i = 0; i < workload->threads; i++) {
			workers[i] = (struct worker){part * 104729 + i * 7919 + 12345, workload,
						     n_steps};
			if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0)
				abort();
		}
		for (unsigned i = 0; i < workload->threads; i++)
			(void)pthread_join(threads[i], NULL);
	}
	for (unsigned i = 0; i < N_SHARED; i++)
		free(atomic_exchange(&shared[i], NULL));
	bench_print(workload->name, started, n_steps * N_PARTS * workload->threads);
}
