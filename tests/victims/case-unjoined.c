/* SPDX-License-Identifier: MIT */
/*
 * Threads that end and that nobody joins: their stacks stay, with the upper end of what they have
 * touched. Freeing joins them.
 */
#include <pthread.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* The kernel counts a folder's folders among its links: there is one for each thread, and two are the folder itself. */
static bool is_alone(void)
{
	struct stat st;

	return stat("/proc/self/task", &st) < 0 || st.st_nlink <= 3;
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
	while (!is_alone())
		usleep(1000);
	stage_wait(&stage);
	return 0;
}
