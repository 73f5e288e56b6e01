/* SPDX-License-Identifier: MIT */
/*
 * A cache that is bounded and does what caches do: 10,000 entries of 4 kB, or as many as the argument says,
 * the oldest one replaced by each that comes in. It is filled at once and turns over, on and on; nothing grows.
 * It has done so three times when it is ready.
 */
#include <time.h>

#include "stage.h"

enum { STEPS = 300, ENTRIES = 10000, SIZE = 4000, STEP_MS = 10 };

static struct stage stage;
static void *entries[ENTRIES];
static size_t oldest, n_entries = ENTRIES;

static void put_entry(void)
{
	if (entries[oldest])
		stage_free(&stage, entries[oldest], SIZE);
	entries[oldest] = stage_alloc(&stage, SIZE);
	oldest = (oldest + 1) % n_entries;
}

/* The first time it is filled, by the thread that serves. */
static void serve(void)
{
	while (!entries[n_entries - 1])
		put_entry();
	for (int i = 0; i < ENTRIES / (1000 / STEP_MS); i++)
		put_entry();
	nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000L}, NULL);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		n_entries = (size_t)atoi(argv[1]);
	stage_serve(serve, STEPS);
	stage_wait(&stage);
	_exit(0);
}
