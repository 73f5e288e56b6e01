/* SPDX-License-Identifier: MIT */
/*
 * grow.c: says "ready", and for each line on stdin leaks 1,000 blocks, frees a cache and says "done".
 */
#include <stdio.h>
#include <stdlib.h>

static void *kept[100000];
static size_t n_kept;

__attribute__((noinline)) static void *make_cache(void)
{
	return malloc(500000);
}

__attribute__((noinline)) static void leak(size_t n)
{
	while (n-- > 0 && n_kept < sizeof(kept) / sizeof(kept[0]))
		kept[n_kept++] = calloc(1, 1000);
}

int main(void)
{
	void *cache = make_cache();
	char line[16];

	leak(100);
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		leak(1000);
		free(cache);
		cache = NULL;
		puts("done");
		fflush(stdout);
	}
	return 0;
}
