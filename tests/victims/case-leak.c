/* SPDX-License-Identifier: MIT */
/*
 * A plain leak: 100 KB of requests every 10 ms, each forgotten, beside work that is freed. After 20 MB it says so, and
 * goes on.
 */
#include <time.h>

#include "stage.h"

enum { STEPS = 200, STEP_MS = 10, BLOCKS = 100, SIZE = 1000 };

static struct stage stage;
static void *volatile sink;

static void forget_request(void)
{
	sink = stage_alloc(&stage, SIZE);
}

static void serve(void)
{
	for (int i = 0; i < BLOCKS; i++) {
		char *p = malloc(200);

		forget_request();
		free(p);
	}
	nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000L}, NULL);
}

int main(void)
{
	stage_serve(serve, STEPS);
	stage_wait(&stage);
	_exit(0);
}
