/* SPDX-License-Identifier: MIT */
/* Threads that end and that nobody joins: their stacks stay, with the upper end of what they have touched. Freeing joins them. */
#include <pthread.h>

#include "stage.h"

enum { THREADS = 200, DEEP = 100 << 10 };

static struct stage stage;
static pthread_t threads[THREADS];

static void *work(void *unused)
{
	char deep[DEEP];

	memset(deep, 1, sizeof(deep));
	__asm__ volatile("" : : "r"(deep) : "memory");
	return unused;
}

static void join_all(void)
{
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

int main(void)
{
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, work, NULL) != 0)
			abort();
	stage.free_pin = join_all;
	stage_wait(&stage);
	return 0;
}
