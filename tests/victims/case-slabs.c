/* SPDX-License-Identifier: MIT */
/*
 * Small blocks of which one in 20 stays: nearly every page has a live block in it, and no page can go back,
 * whoever the allocator is. 200 MB of 200 bytes each, 10 MB live.
 */
#include "stage.h"

enum { BLOCKS = 1 << 20, SIZE = 200, STAYS = 20 };

static struct stage stage;
static void **blocks;

int main(void)
{
	blocks = stage_alloc(&stage, BLOCKS * sizeof(*blocks));
	for (int i = 0; i < BLOCKS; i++)
		blocks[i] = stage_alloc(&stage, SIZE);
	for (int i = 0; i < BLOCKS; i++) {
		if (i % STAYS != 0)
			stage_free(&stage, blocks[i], SIZE);
	}
	stage_wait(&stage);
	return 0;
}
