/* SPDX-License-Identifier: MIT */
/*
 * churn.c [SECONDS]: 200 MB of blocks that come and go, from many places and of many sizes, and
 * beside them a leak of 1 MB a second in blocks of 4 KB. Says "ready" once it holds as much as it
 * will; ends when stdin does, or after so many seconds.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { N_SLOTS = 20000, MEAN = 10000, TICK_MS = 20, MOVED = 400, LEAK_SIZE = 4096 };
enum { LEAKED_A_SECOND = 1000000 };

static void *slots[N_SLOTS];
static void **leaked;
static unsigned state = 1;

static unsigned draw(void)
{
	state = state * 1664525 + 1013904223;
	return state >> 8;
}

/* CACHE(0) … are the places that healthy blocks come from. */
#define CACHE(n)                                                      \
	__attribute__((noinline)) static void *cache_##n(size_t size) \
	{                                                             \
		void *block = malloc(size);                           \
                                                                      \
		if (block)                                            \
			memset(block, n, size);                       \
		return block;                                         \
	}
CACHE(0);
CACHE(1);
CACHE(2);
CACHE(3);
CACHE(4);
CACHE(5);
CACHE(6);
CACHE(7);

static void *(*const caches[])(size_t) = {cache_0, cache_1, cache_2, cache_3,
					  cache_4, cache_5, cache_6, cache_7};

__attribute__((noinline)) static void leak_a_little(void)
{
	void **block = calloc(1, LEAK_SIZE);

	if (!block)
		return;
	*block = leaked;
	leaked = block;
}

static void move(size_t slot)
{
	free(slots[slot]);
	slots[slot] = caches[draw() % 8](1 + draw() % (2 * MEAN));
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	const double seconds = argc > 1 ? atof(argv[1]) : 0;
	struct pollfd in = {seconds > 0 ? -1 : 0, POLLIN, 0};
	double began_s, n_leaked = 0;

	for (size_t i = 0; i < N_SLOTS; i++)
		move(i);
	puts("ready");
	fflush(stdout);
	began_s = now_s();
	while (poll(&in, 1, TICK_MS) == 0 && (seconds == 0 || now_s() < began_s + seconds)) {
		for (unsigned i = 0; i < MOVED; i++)
			move(draw() % N_SLOTS);
		for (; n_leaked * LEAK_SIZE < (now_s() - began_s) * LEAKED_A_SECOND; n_leaked++)
			leak_a_little();
	}
	return 0;
}
