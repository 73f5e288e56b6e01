/* SPDX-License-Identifier: MIT */
/*
 * Small blocks of which one in 20 stays: nearly every page has a live block in it, and no page can go back,
 * whoever the allocator is. 200 MB of 200 bytes each, 10 MB live. With the argument "apart" what stays is
 * allocated before the rest, as the advice would have it.
 */
#include <stdbool.h>

#include "stage.h"

enum { BLOCKS = 1 << 20, SIZE = 200, STAYS = 20 };

static struct stage stage;
static void *blocks[BLOCKS];

int main(int argc, char **argv)
{
	bool apart = argc > 1 && strcmp(argv[1], "apart") == 0;

	for (int i = 0; apart && i < BLOCKS; i += STAYS)
		blocks[i] = stage_alloc(&stage, SIZE);
	for (int i = 0; i < BLOCKS; i++) {
		if (!blocks[i])
			blocks[i] = stage_alloc(&stage, SIZE);
	}
	for (int i = 0; i < BLOCKS; i++) {
		if (i % STAYS != 0)
			stage_free(&stage, blocks[i], SIZE);
	}
	stage_wait(&stage);
	return 0;
}
