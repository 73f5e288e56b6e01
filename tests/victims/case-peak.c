/* SPDX-License-Identifier: MIT */
/*
 * A peak that is over: a million small blocks and fifty large ones, of which the last few stay. What was
 * freed is whole pages, which each allocator keeps for a while, or for good.
 */
#include "stage.h"

enum {
	SMALL = 1000000,
	SIZE = 200,
	STAYS = 30000,
	LARGE = 50,
	LARGE_SIZE = 3 << 20,
	LARGE_STAY = 5
};

static struct stage stage;
static void *small[SMALL], *large[LARGE];

int main(void)
{
	for (int i = 0; i < SMALL; i++)
		small[i] = stage_alloc(&stage, SIZE);
	for (int i = 0; i < LARGE; i++)
		large[i] = stage_alloc(&stage, LARGE_SIZE);
	for (int i = 0; i < SMALL - STAYS; i++)
		stage_free(&stage, small[i], SIZE);
	for (int i = 0; i < LARGE - LARGE_STAY; i++)
		stage_free(&stage, large[i], LARGE_SIZE);
	stage_wait(&stage);
	return 0;
}
