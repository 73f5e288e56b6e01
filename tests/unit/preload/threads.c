/* SPDX-License-Identifier: MIT */
/*
 * threads: keys whose destructors allocate and free, in every round that POSIX grants; threads that end
 * while others fork; blocks that outlive their thread.
 */
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "check.h"

enum {
	N_KEYS = 8,
	N_THREADS = 200,
};

static pthread_key_t keys[N_KEYS];
static int n_destroyed;
static volatile bool stop;

static void destroy(void *value)
{
	int round = *(int *)value;

	free(value);
	free(malloc(round * 1000 + 1));
	__atomic_fetch_add(&n_destroyed, 1, __ATOMIC_RELAXED);
	if (round + 1 < PTHREAD_DESTRUCTOR_ITERATIONS) {
		int *next = malloc(sizeof(*next));
		int i;

		CHECK(next);
		*next = round + 1;
		for (i = 0; i < N_KEYS; i++)
			if (!pthread_getspecific(keys[i]))
				break;
		CHECK(i < N_KEYS && pthread_setspecific(keys[i], next) == 0);
	}
}

static void *end_with_keys(void *unused)
{
	char *block = malloc(100);
	int i;

	for (i = 0; i < N_KEYS; i++) {
		int *value = malloc(sizeof(*value));

		CHECK(value);
		*value = 0;
		CHECK(pthread_setspecific(keys[i], value) == 0);
	}
	strcpy(block, "outlives its thread");
	/* libc keeps the text for the thread and frees it behind all destructors */
	CHECK(strerror(12345));
	return block;
}

static void *churn(void *unused)
{
	void *blocks[50] = {NULL};
	unsigned i = 0;

	while (!stop) {
		free(blocks[i % 50]);
		blocks[i % 50] = malloc(i * 37 % 5000);
		i++;
	}
	for (i = 0; i < 50; i++)
		free(blocks[i]);
	return NULL;
}

/* Bytes of the fast heap's metadata, 0 with another allocator. */
static size_t metadata(void)
{
	char *text = NULL, *found;
	size_t size = 0, bytes = 0;
	FILE *stream = open_memstream(&text, &size);

	CHECK(stream && malloc_info(0, stream) == 0 && fclose(stream) == 0);
	found = strstr(text, "<system type=\"metadata\" size=\"");
	if (found)
		bytes = strtoul(strchr(found, '"') + 17, NULL, 10);
	free(text);
	return bytes;
}

/* Threads that allocate until their very end leave no caches behind. */
static void check_many(void)
{
	size_t before = 0;
	int i;

	for (i = 0; i < 2000; i++) {
		pthread_t thread;
		void *block;

		if (i == 100)
			before = metadata();
		CHECK(pthread_create(&thread, NULL, end_with_keys, NULL) == 0);
		CHECK(pthread_join(thread, &block) == 0);
		free(block);
	}
	CHECK(metadata() <= before + (64 << 10));
}

static void check_destructors(void)
{
	int i;

	for (i = 0; i < N_KEYS; i++)
		CHECK(pthread_key_create(&keys[i], destroy) == 0);
	for (i = 0; i < N_THREADS; i++) {
		pthread_t thread;
		void *block;

		CHECK(pthread_create(&thread, NULL, end_with_keys, NULL) == 0);
		CHECK(pthread_join(thread, &block) == 0);
		CHECK(strcmp(block, "outlives its thread") == 0);
		free(block);
	}
	CHECK(n_destroyed == N_THREADS * N_KEYS * PTHREAD_DESTRUCTOR_ITERATIONS);
}

/* Each child of a process with busy threads can allocate, and can start threads of its own. */
static void check_forks(void)
{
	pthread_t threads[3], thread;
	int i, status;
	void *block;

	for (i = 0; i < 3; i++)
		CHECK(pthread_create(&threads[i], NULL, churn, NULL) == 0);
	for (i = 0; i < 50; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			void *blocks[100];
			int k;

			alarm(20);
			for (k = 0; k < 100; k++)
				CHECK((blocks[k] = malloc((size_t)k * 100)));
			CHECK(pthread_create(&thread, NULL, end_with_keys, NULL) == 0);
			CHECK(pthread_join(thread, &block) == 0);
			free(block);
			for (k = 0; k < 100; k++)
				free(blocks[k]);
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	}
	stop = true;
	for (i = 0; i < 3; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
}

int main(void)
{
	check_destructors();
	check_many();
	check_forks();
	return 0;
}
