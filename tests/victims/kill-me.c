/* SPDX-License-Identifier: MIT */
/*
 * Allocates, frees, leaks, maps and unmaps in four threads until it is killed. The number of leaked
 * blocks is counted in a file that is mapped shared, after each malloc has returned, so that whoever
 * kills it knows what must have been recorded.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { N_THREADS = 4, N_SLOTS = 200 };

static _Atomic unsigned long *leaked;
static void *volatile sink;

static void leak(void)
{
	sink = malloc(48);
	atomic_fetch_add(leaked, 1);
}

static void *work(void *arg)
{
	unsigned seed = (unsigned)(size_t)arg;
	void *slots[N_SLOTS] = {NULL};

	for (;;) {
		unsigned k = (unsigned)rand_r(&seed) % N_SLOTS;

		free(slots[k]);
		slots[k] = malloc((size_t)(rand_r(&seed) % 2000));
		if (k == 0)
			leak();
		if (k == 1) {
			void *p = mmap(NULL, 65536, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			munmap(p, 65536);
		}
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int fd = argc > 1 ? open(argv[1], O_RDWR) : -1;
	pthread_t thread;

	leaked = mmap(NULL, sizeof(*leaked), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (leaked == MAP_FAILED)
		return 1;
	for (size_t i = 1; i < N_THREADS; i++)
		pthread_create(&thread, NULL, work, (void *)i);
	work(NULL);
	return 0;
}
