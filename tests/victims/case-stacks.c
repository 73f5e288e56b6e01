/* SPDX-License-Identifier: MIT */
/*
 * 48 threads, or as many as the argument says, that were once 4 MB deep: what a stack has touched stays resident
 * as long as its thread.
 */
#include <pthread.h>

#include "stage.h"

enum { THREADS = 48, DEEP = 4 << 20 };

static struct stage stage;
static pthread_barrier_t all_were;

static __attribute__((noinline)) void go_deep(void)
{
	char deep[DEEP];

	memset(deep, 1, sizeof(deep));
	__asm__ volatile("" : : "r"(deep) : "memory");
}

static void *work(void *unused)
{
	go_deep();
	pthread_barrier_wait(&all_were);
	pause();
	return unused;
}

int main(int argc, char **argv)
{
	const int n_threads = argc > 1 ? atoi(argv[1]) : THREADS;

	pthread_barrier_init(&all_were, NULL, (unsigned)n_threads + 1);
	for (int i = 0; i < n_threads; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, work, NULL) != 0)
			abort();
	}
	pthread_barrier_wait(&all_were);
	/* not of malloc: what is live there is nothing */
	stage_wait(&stage);
	_exit(0);
}
