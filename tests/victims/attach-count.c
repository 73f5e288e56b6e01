/* SPDX-License-Identifier: MIT */
/*
 * attach-count.c: calls of every function of the allocation family, in known numbers, after it was told to:
 * each line on stdin is one more round, and is answered when that is done.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { THREADS = 4, CALLS = 1000 };

static __thread void *volatile kept;

/* each keeps nothing: a call, and its free */
#define COUNTED(name, call)                                      \
	static __attribute__((noinline)) void count_##name(void) \
	{                                                        \
		for (int i = 0; i < CALLS; i++) {                \
			kept = call;                             \
			free(kept);                              \
		}                                                \
	}

static void *place(size_t alignment, size_t size)
{
	void *block;

	return posix_memalign(&block, alignment, size) == 0 ? block : NULL;
}

COUNTED(malloc, malloc(10 + i))
COUNTED(calloc, calloc(3, 20))
COUNTED(realloc, realloc(NULL, 100))
COUNTED(reallocarray, reallocarray(NULL, 7, 9))
COUNTED(memalign, memalign(64, 100))
COUNTED(aligned_alloc, aligned_alloc(64, 128))
COUNTED(posix_memalign, place(32, 50))
COUNTED(valloc, valloc(10))
COUNTED(pvalloc, pvalloc(10))
COUNTED(strdup, strdup("text that libc copies"))

static __attribute__((noinline)) void count_mmap(void)
{
	for (int i = 0; i < CALLS; i++) {
		kept = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		munmap(kept, 8192);
	}
}

static void *work(void *unused)
{
	count_malloc();
	count_calloc();
	count_realloc();
	count_reallocarray();
	count_memalign();
	count_aligned_alloc();
	count_posix_memalign();
	count_valloc();
	count_pvalloc();
	count_strdup();
	count_mmap();
	return unused;
}

int main(void)
{
	static void *before[100];
	char line[16];

	for (int i = 0; i < 100; i++)
		before[i] = malloc(1000);
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, line, sizeof(line)) > 0) {
		pthread_t threads[THREADS];

		for (int i = 0; i < THREADS; i++)
			pthread_create(&threads[i], NULL, work, NULL);
		for (int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		for (int i = 0; i < 100; i++)
			free(before[i]);
		memset(before, 0, sizeof(before));
		if (write(STDOUT_FILENO, "done\n", 5) != 5)
			return 1;
	}
	return 0;
}
