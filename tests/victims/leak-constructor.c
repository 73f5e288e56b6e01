/* SPDX-License-Identifier: MIT */
/* Before main, and after it. */
#include <stdlib.h>

static void *volatile sink;

__attribute__((constructor)) static void before_main(void)
{
	for (int i = 0; i < 3; i++)
		/* LEAK before_main: 3 blocks, 3333 bytes */
		sink = malloc(1111);
}

static void at_exit(void)
{
	/* LEAK at_exit: 1 blocks, 444 bytes */
	sink = malloc(444);
}

__attribute__((destructor)) static void after_main(void)
{
	/* LEAK after_main: 1 blocks, 555 bytes */
	sink = malloc(555);
}

int main(void)
{
	return atexit(at_exit);
}
