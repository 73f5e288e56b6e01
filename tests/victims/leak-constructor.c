/* SPDX-License-Identifier: MIT */
/* Before main, and after it. */
#include <stdlib.h>

static void *volatile sink;

__attribute__((constructor)) static void before_main(void)
{
	for (int i = 0; i < 3; i++)
		sink = malloc(1111); /* LEAK before_main: 3 blocks, 3333 bytes */
}

static void at_exit(void)
{
	sink = malloc(444); /* LEAK at_exit: 1 blocks, 444 bytes */
}

__attribute__((destructor)) static void after_main(void)
{
	sink = malloc(555); /* LEAK after_main: 1 blocks, 555 bytes */
}

int main(void)
{
	return atexit(at_exit);
}
