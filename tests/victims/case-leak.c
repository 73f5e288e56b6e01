/* SPDX-License-Identifier: MIT */
/*
 * A plain leak: 100 KB of requests every 10 ms, each forgotten, beside work that is freed. 20 MB after two
 * seconds; "grow" is another second of it.
 */
#include <time.h>

#include "stage.h"

enum { STEP_MS = 10, BLOCKS = 100, SIZE = 1000 };

static struct stage stage;
static void *volatile sink;

static void forget_request(void)
{
	sink = stage_alloc(&stage, SIZE);
}

static void serve(int seconds)
{
	for (int step = 0; step < seconds * 1000 / STEP_MS; step++) {
		for (int i = 0; i < BLOCKS; i++) {
			char *p = stage_alloc(&stage, 200);

			forget_request();
			stage_free(&stage, p, 200);
		}
		nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000L}, NULL);
	}
}

static void serve_again(void)
{
	serve(1);
}

int main(void)
{
	stage.grow = serve_again;
	serve(2);
	stage_wait(&stage);
	return 0;
}
