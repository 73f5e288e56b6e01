/* SPDX-License-Identifier: MIT */
/* Built with -O2 -flto and without frame pointers: all of it becomes one function. */
#include <stdlib.h>

static void *volatile sink;

static inline void *innermost(size_t size)
{
	/* LEAK innermost: 30 blocks, 3000 bytes */
	return malloc(size);
}

static inline void middle(size_t size)
{
	sink = innermost(size);
}

static void outer(int n)
{
	for (int i = 0; i < n; i++)
		middle(100);
}

int main(void)
{
	outer(30);
	return 0;
}
