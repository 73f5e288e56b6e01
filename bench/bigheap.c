/* SPDX-License-Identifier: MIT */
/*
 * bigheap.c: a heap of many blocks on whatever allocator is under it, to be read from outside.
 *
 * usage: bigheap MIB BLOCKS [THREADS [PERCENT]]: each of the threads (1) fills its part, in an
 * arena of its own if they are several; of all blocks every third is free then. "ready" is printed,
 * and with PERCENT given the threads replace blocks from then on, for so much of their time (100:
 * all of it). Ends with its standard input.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { THREADS_MAX = 64, BURST = 200 };

static pthread_barrier_t filled;
static size_t n_blocks, mean_size;
static unsigned long percent;

static uint64_t draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 16;
}

static void *take(uint64_t *state)
{
	/* half of the mean up to three halves */
	size_t size = mean_size / 2 + draw(state) % mean_size;
	void *block = malloc(size);

	if (!block)
		abort();
	return memset(block, 1, size);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void replace(void **blocks, uint64_t *state)
{
	for (;;) {
		uint64_t begin_ns = now_ns(), took_ns;

		for (unsigned i = 0; i < BURST; i++) {
			void **place = &blocks[draw(state) % n_blocks];

			free(*place);
			*place = draw(state) % 3 ? take(state) : NULL;
		}
		took_ns = now_ns() - begin_ns;
		if (percent < 100)
			usleep((useconds_t)(took_ns / 1000 * (100 - percent) / percent));
	}
}

static void *work(void *number)
{
	void **blocks = calloc(n_blocks, sizeof(*blocks));
	uint64_t state = ((uintptr_t)number + 1) * 0x9e3779b97f4a7c15;

	if (!blocks)
		abort();
	for (size_t i = 0; i < n_blocks; i++)
		blocks[i] = take(&state);
	for (size_t i = 0; i < n_blocks; i += 3) {
		free(blocks[i]);
		blocks[i] = NULL;
	}
	pthread_barrier_wait(&filled);
	if (percent)
		replace(blocks, &state);
	pause();
	return NULL;
}

static unsigned long argument(int argc, char **argv, int i, unsigned long missing)
{
	return argc > i ? strtoul(argv[i], NULL, 10) : missing;
}

int main(int argc, char **argv)
{
	const unsigned long mib = argument(argc, argv, 1, 3072);
	const unsigned long n_threads = argument(argc, argv, 3, 1);

	n_blocks = argument(argc, argv, 2, 1000000) / (n_threads ?: 1);
	percent = argument(argc, argv, 4, 0);
	if (!mib || !n_threads || n_threads > THREADS_MAX || !n_blocks || percent > 100)
		return 2;
	mean_size = (mib << 20) / n_threads / n_blocks;
	if (!mean_size || pthread_barrier_init(&filled, NULL, (unsigned)n_threads + 1) != 0)
		return 1;
	if (n_threads == 1)
		mallopt(M_ARENA_MAX, 1);
	for (unsigned long i = 0; i < n_threads; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, work, (void *)i) != 0)
			return 1;
	}
	pthread_barrier_wait(&filled);
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		continue;
	return 0;
}
