/* SPDX-License-Identifier: MIT */
/*
 * crowd.c SITES BLOCKS: holds BLOCKS small blocks from each of SITES different stacks, says "ready", and then
 * frees and allocates a few of them all the time until stdin ends. A stack's number stands in its calls: each is
 * of one of two functions.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEPTH = 17, SIZE = 48, MOVED = 500 };

static void *allocate(unsigned site, unsigned depth);

__attribute__((noinline)) static void *odd(unsigned site, unsigned depth)
{
	void *block = allocate(site, depth);

	__asm__ volatile("" ::: "memory");
	return block;
}

__attribute__((noinline)) static void *even(unsigned site, unsigned depth)
{
	void *block = allocate(site, depth);

	__asm__ volatile("" ::: "memory");
	return block;
}

__attribute__((noinline)) static void *allocate(unsigned site, unsigned depth)
{
	if (depth == DEPTH)
		return malloc(SIZE);
	return (site >> depth) & 1 ? odd(site, depth + 1) : even(site, depth + 1);
}

/* One place for the first block and those that follow it, which makes one stack of them. */
__attribute__((noinline)) static void replace(void **block, size_t site)
{
	free(*block);
	*block = allocate((unsigned)site, 0);
}

int main(int argc, char **argv)
{
	const unsigned n_sites = argc > 1 ? (unsigned)atoi(argv[1]) : 1000;
	const unsigned n_blocks = argc > 2 ? (unsigned)atoi(argv[2]) : 10;
	const size_t n = (size_t)n_sites * n_blocks;
	void **blocks = calloc(n, sizeof(*blocks));
	struct pollfd in = {0, POLLIN, 0};

	if (!blocks)
		return 1;
	for (size_t i = 0, at = 0; i < n || poll(&in, 1, 100) == 0; i += MOVED) {
		for (unsigned moved = 0; moved < MOVED; moved++, at = (at + 7919) % n)
			replace(&blocks[at], at % n_sites);
		if (i < n && i + MOVED >= n) {
			puts("ready");
			fflush(stdout);
		}
	}
	return 0;
}
