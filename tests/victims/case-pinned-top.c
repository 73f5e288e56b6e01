/* SPDX-License-Identifier: MIT */
/*
 * A session of 100 bytes, made when the heap was at its highest, above 300 MB of blocks that were freed
 * since: the top of the heap cannot come down. "free" ends the session. The argument
 * is the session's size, or "early": it is made before the blocks.
 */
#include <stdbool.h>

#include "stage.h"

enum { BLOCKS = 4800, SIZE = 64 << 10 };

static struct stage stage;
static void *blocks[BLOCKS], *session;
static size_t session_size = 100;

static void open_session(void)
{
	session = stage_alloc(&stage, session_size);
}

static void end_session(void)
{
	stage_free(&stage, session, session_size);
}

int main(int argc, char **argv)
{
	stage.free_pin = end_session;
	bool early = argc > 1 && strcmp(argv[1], "early") == 0;

	if (argc > 1 && !early)
		session_size = strtoul(argv[1], NULL, 10);
	if (early)
		open_session();
	for (int i = 0; i < BLOCKS; i++)
		blocks[i] = stage_alloc(&stage, SIZE);
	if (!early)
		open_session();
	for (int i = 0; i < BLOCKS; i++)
		stage_free(&stage, blocks[i], SIZE);
	stage_wait(&stage);
	return 0;
}
