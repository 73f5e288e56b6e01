/* SPDX-License-Identifier: MIT */
/* Threads that have ended, and destructors of thread-specific data that allocate while one ends. */
#include <pthread.h>
#include <stdlib.h>

enum { N_THREADS = 40 };

static void *volatile sink;
static pthread_key_t key;

static void destructor(void *value)
{
	free(value);
	/* LEAK destructor: 40 blocks, 1320 bytes */
	sink = malloc(33);
}

static void leak_in_thread(void)
{
	for (int i = 0; i < 5; i++)
		/* LEAK leak_in_thread: 200 blocks, 40000 bytes */
		sink = malloc(200);
}

static void *thread_main(void *arg)
{
	pthread_setspecific(key, malloc(17));
	leak_in_thread();
	return malloc(500); /* freed by main */
}

int main(void)
{
	if (pthread_key_create(&key, destructor) != 0)
		abort();
	for (int i = 0; i < N_THREADS; i += 4) {
		pthread_t threads[4];
		void *result;

		for (int k = 0; k < 4; k++)
			if (pthread_create(&threads[k], NULL, thread_main, NULL) != 0)
				abort();
		for (int k = 0; k < 4; k++) {
			pthread_join(threads[k], &result);
			free(result);
		}
	}
	return 0;
}
