/* SPDX-License-Identifier: MIT */
/*
 * 64K, 100K, 64K: blocks of both sizes lie side by side, those of 64K are freed, and what is asked for next
 * is of 100K and fits no hole. 1,500 holes, 94 MB, between 300 MB of live blocks.
 */
#include "stage.h"

enum { HOLES = 1500, SMALL = 64 << 10, LARGE = 100 << 10 };

static struct stage stage;
static void *small[HOLES];
static void *volatile sink;

int main(void)
{
	for (int i = 0; i < HOLES; i++) {
		small[i] = stage_alloc(&stage, SMALL);
		sink = stage_alloc(&stage, LARGE);
	}
	for (int i = 0; i < HOLES; i++)
		stage_free(&stage, small[i], SMALL);
	for (int i = 0; i < HOLES; i++)
		sink = stage_alloc(&stage, LARGE);
	stage_wait(&stage);
	return 0;
}
