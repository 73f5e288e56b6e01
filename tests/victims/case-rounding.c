/* SPDX-License-Identifier: MIT */
/*
 * A mapping for each block, as with a low mmap threshold: 20,000 blocks of 4,200 bytes take two pages each,
 * 84 MB asked for and 164 MB resident. With any argument the threshold stays as it is.
 */
#include "stage.h"

enum { BLOCKS = 20000, SIZE = 4200 };

static struct stage stage;
static void *volatile sink;

int main(int argc, char **argv)
{
	(void)argv;
	if (argc == 1)
		mallopt(M_MMAP_THRESHOLD, 4096);
	for (int i = 0; i < BLOCKS; i++)
		sink = stage_alloc(&stage, SIZE);
	stage_wait(&stage);
	return 0;
}
