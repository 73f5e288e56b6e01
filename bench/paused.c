/* SPDX-License-Identifier: MIT */
/*
 * paused.c: for how long a process stood still, seen from inside.
 *
 * usage: paused N: one thread that allocates all the time, N - 1 that do so now and then. Each notes the
 * longest time between two of its steps while it was at work; what it slept is not counted. A line on
 * stdin begins a new time; the answer is the longest of the busy thread, and of all, in nanoseconds, in
 * the time before.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { STEPS = 50, SLEEP_US = 20000, THREADS_MAX = 1000 };

static uint64_t longest_ns[THREADS_MAX];

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void step(uint64_t *last_ns, uint64_t *longest)
{
	void *volatile block = malloc(100);
	uint64_t now, took;

	free(block);
	now = now_ns();
	took = now - *last_ns;
	*last_ns = now;
	if (took > __atomic_load_n(longest, __ATOMIC_RELAXED))
		__atomic_store_n(longest, took, __ATOMIC_RELAXED);
}

static void *work(void *number_)
{
	uintptr_t number = (uintptr_t)number_;

	for (;;) {
		uint64_t last_ns = now_ns();

		for (unsigned i = 0; i < STEPS || number == 0; i++)
			step(&last_ns, &longest_ns[number]);
		usleep(SLEEP_US);
	}
	return NULL;
}

static void answer(uintptr_t n)
{
	uint64_t busy = 0, all = 0;

	for (uintptr_t i = 0; i < n; i++) {
		uint64_t ns = __atomic_exchange_n(&longest_ns[i], 0, __ATOMIC_RELAXED);

		if (i == 0)
			busy = ns;
		if (ns > all)
			all = ns;
	}
	printf("%llu %llu\n", (unsigned long long)busy, (unsigned long long)all);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	uintptr_t n = argc > 1 ? (uintptr_t)strtoul(argv[1], NULL, 10) : 1;
	char line[16];

	if (n < 1 || n > THREADS_MAX)
		return 2;
	for (uintptr_t i = 0; i < n; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, work, (void *)i) != 0)
			return 1;
	}
	while (fgets(line, sizeof(line), stdin))
		answer(n);
	return 0;
}
