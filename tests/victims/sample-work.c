/* SPDX-License-Identifier: MIT */
/*
 * Known amounts at four sites, with churn between them: the truth that estimates are compared with.
 * LEAK comments as in the other victims.
 */
#include <stdlib.h>

static void *volatile sink;

static void churn(size_t size)
{
	for (int i = 0; i < 3; i++) {
		sink = malloc(size);
		free(sink);
	}
}

static void keep_small(void)
{
	for (int i = 0; i < 200000; i++) {
		/* LEAK keep_small: 200000 blocks, 12800000 bytes */
		sink = malloc(64);
		if (i % 16 == 0)
			churn(300);
	}
}

static void keep_medium(void)
{
	for (int i = 0; i < 20000; i++) {
		/* LEAK keep_medium: 20000 blocks, 20000000 bytes */
		sink = malloc(1000);
		churn(100);
	}
}

static void keep_large(void)
{
	for (int i = 0; i < 200; i++) {
		/* LEAK keep_large: 200 blocks, 20000000 bytes */
		sink = malloc(100000);
		churn(50000);
	}
}

static void keep_huge(void)
{
	for (int i = 0; i < 10; i++)
		/* LEAK keep_huge: 10 blocks, 15000000 bytes */
		sink = malloc(1500000);
}

int main(void)
{
	keep_small();
	keep_medium();
	keep_large();
	keep_huge();
	return 0;
}
