/* SPDX-License-Identifier: MIT */
/* A program with an allocator of its own: 200 mappings of 1 MB, filled, and 100 of them unmapped. */
#include <sys/mman.h>

#include "stage.h"

enum { PIECES = 200, PIECE = 1 << 20 };

static struct stage stage;

static char *map_piece(void)
{
	char *p = mmap(NULL, PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	memset(p, 1, PIECE);
	stage.live += PIECE;
	return p;
}

int main(void)
{
	for (int i = 0; i < PIECES; i++) {
		char *p = map_piece();

		if (i % 2 == 0)
			continue;
		munmap(p, PIECE);
		stage.live -= PIECE;
		stage.freed += PIECE;
	}
	stage_wait(&stage);
	return 0;
}
