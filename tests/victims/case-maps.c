/* SPDX-License-Identifier: MIT */
/* A program with an allocator of its own: of 200 mappings of 1 MB, filled, it unmaps 100; freeing unmaps the rest. */
#include <sys/mman.h>

#include "stage.h"

enum { PIECES = 200, PIECE = 1 << 20 };

static struct stage stage;
static char *pieces[PIECES];

static char *map_piece(void)
{
	char *p = mmap(NULL, PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	memset(p, 1, PIECE);
	stage.live += PIECE;
	return p;
}

static void unmap_rest(void)
{
	for (int i = 0; i < PIECES; i += 2)
		munmap(pieces[i], PIECE);
}

int main(void)
{
	stage.free_pin = unmap_rest;
	for (int i = 0; i < PIECES; i++) {
		pieces[i] = map_piece();
		if (i % 2 == 0)
			continue;
		munmap(pieces[i], PIECE);
		stage.live -= PIECE;
		stage.freed += PIECE;
	}
	stage_wait(&stage);
	return 0;
}
