/* SPDX-License-Identifier: MIT */
/*
 * gaps.c: a program with gaps between its segments, which the loader reports one by one, and without
 * position independence. It allocates, from functions at both ends of its text.
 */
#include <stdlib.h>

static __attribute__((noinline)) void *outer(unsigned depth)
{
	void *block = depth ? outer(depth - 1) : malloc(100);

	__asm__ volatile("" ::"r"(block) : "memory");
	return block;
}

int main(void)
{
	for (unsigned i = 0; i < 1000; i++)
		free(outer(i % 20));
	return 0;
}
