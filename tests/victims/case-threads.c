/* SPDX-License-Identifier: MIT */
/*
 * 128 threads that each allocate 1 KB and stay: an arena of 64 MB of addresses a thread, up to the limit,
 * a few pages of each resident. Looks like gigabytes in VSZ, and is nothing. An argument sets the number.
 */
#include <pthread.h>

#include "stage.h"

static struct stage stage;
static pthread_barrier_t all_have;

static void *hold(void *unused)
{
	void *p = malloc(1024);

	memset(p, 1, 1024);
	pthread_barrier_wait(&all_have);
	pause();
	free(p);
	return unused;
}

int main(int argc, char **argv)
{
	unsigned n = argc > 1 ? (unsigned)atoi(argv[1]) : 128;
	pthread_attr_t small;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 256 << 10);
	pthread_barrier_init(&all_have, NULL, n + 1);
	for (unsigned i = 0; i < n; i++) {
		pthread_t thread;

		if (pthread_create(&thread, &small, hold, NULL) != 0)
			abort();
		stage.live += 1024;
	}
	pthread_barrier_wait(&all_have);
	stage_wait(&stage);
	_exit(0);
}
