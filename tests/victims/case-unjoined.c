/* SPDX-License-Identifier: MIT */
/* Threads that end and that nobody joins: their stacks stay, with the upper end of what they have touched. */
#include <pthread.h>

#include "stage.h"

enum { THREADS = 200, DEEP = 100 << 10 };

static struct stage stage;

static void *work(void *unused)
{
	char deep[DEEP];

	memset(deep, 1, sizeof(deep));
	__asm__ volatile("" : : "r"(deep) : "memory");
	return unused;
}

int main(void)
{
	for (int i = 0; i < THREADS; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, work, NULL) != 0)
			abort();
	}
	stage_wait(&stage);
	return 0;
}
