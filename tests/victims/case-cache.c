/* SPDX-License-Identifier: MIT */
/*
 * A cache that is bounded and does what caches do: 40 MB of entries, the oldest one replaced by each that
 * comes in. It is filled at once and turns over once a second; nothing grows. "grow" is another second.
 */
#include <time.h>

#include "stage.h"

enum { ENTRIES = 10000, SIZE = 4000, STEP_MS = 10 };

static struct stage stage;
static void *entries[ENTRIES];
static size_t oldest;

static void put_entry(void)
{
	if (entries[oldest])
		stage_free(&stage, entries[oldest], SIZE);
	entries[oldest] = stage_alloc(&stage, SIZE);
	oldest = (oldest + 1) % ENTRIES;
}

static void serve(int milliseconds)
{
	for (int step = 0; step < milliseconds / STEP_MS; step++) {
		for (int i = 0; i < ENTRIES / (1000 / STEP_MS); i++)
			put_entry();
		nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000L}, NULL);
	}
}

static void serve_again(void)
{
	serve(1000);
}

int main(void)
{
	stage.grow = serve_again;
	for (int i = 0; i < ENTRIES; i++)
		put_entry();
	serve(2500);
	stage_wait(&stage);
	return 0;
}
