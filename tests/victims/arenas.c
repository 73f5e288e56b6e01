/* SPDX-License-Identifier: MIT */
/*
 * arenas.c: a program on glibc's malloc with as many arenas as its argument says, each with blocks of
 * all sizes, holes between them, and full caches. It then obeys its standard input, one word a line,
 * without touching the heap: info prints malloc_info, trim calls malloc_trim(0), quit ends it. Each
 * answer ends with a line "done". With a second argument the other threads go on allocating.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N_BLOCKS = 2000, MAX_SMALL = 2000, MAX_LARGE = 100000 };

static pthread_barrier_t ready;
static char output[1 << 16];
static bool busy;

static void fill(uint64_t seed)
{
	void **blocks = calloc(N_BLOCKS, sizeof(*blocks));
	uint64_t x = seed * 0x9e3779b97f4a7c15 + 1;

	for (int i = 0; i < N_BLOCKS; i++) {
		size_t size;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		size = x % 8 ? x % MAX_SMALL : x % MAX_LARGE;
		blocks[i] = malloc(size);
		memset(blocks[i], 1, size);
	}
	for (int i = 0; i < N_BLOCKS; i++)
		if (i % 3)
			free(blocks[i]);
	if (seed == 0) {
		memset(malloc(300 << 10), 1, 300 << 10);
		memset(aligned_alloc(4096, 1 << 20), 1, 1 << 20);
		memset(aligned_alloc(64, 700 << 10), 1, 700 << 10);
	}
}

/* Writes to what it is given, so that a broken list shows. */
static void churn(void)
{
	for (size_t i = 0;; i++) {
		size_t size = 1 + i * 7919 % 5000;
		char *block = malloc(size), *other = malloc(size / 2 + 1);

		memset(block, (int)i, size);
		memset(other, (int)i + 1, size / 2 + 1);
		if (block[size - 1] != (char)i)
			abort();
		free(block);
		free(other);
	}
}

static void *thread_main(void *seed)
{
	fill((uintptr_t)seed);
	pthread_barrier_wait(&ready);
	if (busy)
		churn();
	for (;;)
		pause();
	return NULL;
}

static void say_done(void)
{
	fflush(stdout);
	if (write(STDOUT_FILENO, "done\n", 5) < 0)
		_exit(1);
}

int main(int argc, char **argv)
{
	int n_arenas = argc > 1 ? atoi(argv[1]) : 1;
	char word[16];

	busy = argc > 2;

	setvbuf(stdout, output, _IOFBF, sizeof(output));
	mallopt(M_ARENA_MAX, n_arenas);
	pthread_barrier_init(&ready, NULL, n_arenas);
	fill(0);
	for (int i = 1; i < n_arenas; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, thread_main, (void *)(uintptr_t)i) != 0)
			return 1;
	}
	pthread_barrier_wait(&ready);
	say_done();
	for (;;) {
		ssize_t n = read(STDIN_FILENO, word, sizeof(word) - 1);

		if (n <= 0 || word[0] == 'q')
			return 0;
		if (word[0] == 'i')
			malloc_info(0, stdout);
		else if (word[0] == 't')
			malloc_trim(0);
		say_done();
	}
}
