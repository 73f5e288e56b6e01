/* SPDX-License-Identifier: MIT */
/*
 * The C family, each function leaking in its own line. The comment above such a line says how much:
 * "LEAK function: N blocks, N bytes". The tests read those comments and compare to the digit.
 */
#include <stdlib.h>
#include <string.h>

static void *volatile sink;

static void leak_malloc(void)
{
	for (int i = 1; i <= 10; i++)
		/* LEAK leak_malloc: 10 blocks, 5500 bytes */
		sink = malloc((size_t)i * 100);
}

static void leak_calloc(void)
{
	for (int i = 0; i < 16; i++)
		/* LEAK leak_calloc: 16 blocks, 1600 bytes */
		sink = calloc(25, 4);
}

static void leak_realloc_chain(void)
{
	char *p = NULL;

	for (size_t size = 16; size <= 1u << 20; size *= 2) {
		/* LEAK leak_realloc_chain: 1 blocks, 1048576 bytes */
		p = realloc(p, size);
		if (!p)
			abort();
		memset(p, 1, size);
	}
	sink = p;
}

static void leak_realloc_shrunk(void)
{
	void *p = malloc(100000);

	/* LEAK leak_realloc_shrunk: 1 blocks, 10 bytes */
	sink = realloc(p, 10);
}

static void leak_reallocarray(void)
{
	/* LEAK leak_reallocarray: 1 blocks, 77 bytes */
	sink = reallocarray(NULL, 7, 11);
}

static void leak_large(void)
{
	for (int i = 0; i < 3; i++)
		/* LEAK leak_large: 3 blocks, 9437184 bytes */
		sink = malloc(3u << 20);
}

static void leak_empty(void)
{
	for (int i = 0; i < 5; i++)
		/* LEAK leak_empty: 5 blocks, 0 bytes */
		sink = malloc(0);
}

static void leak_some_of_many(void)
{
	for (int i = 0; i < 10000; i++) {
		/* LEAK leak_some_of_many: 100 blocks, 3068 bytes */
		void *p = malloc((size_t)(i % 64) + 1);

		if (i % 100 != 0)
			free(p);
		else
			sink = p;
	}
}

static void no_leak(void)
{
	for (int i = 0; i < 1000; i++) {
		void *p = malloc(64);

		sink = p;
		p = realloc(p, 5000);
		sink = p;
		free(p);
	}
}

int main(void)
{
	leak_malloc();
	leak_calloc();
	leak_realloc_chain();
	leak_realloc_shrunk();
	leak_reallocarray();
	leak_large();
	leak_empty();
	leak_some_of_many();
	no_leak();
	return 0;
}
