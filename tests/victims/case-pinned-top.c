/* SPDX-License-Identifier: MIT */
/*
 * A session of 100 bytes, made when the heap was at its highest, above 300 MB of blocks that were freed
 * since: the top of the heap cannot come down. "free" ends the session.
 */
#include "stage.h"

enum { BLOCKS = 4800, SIZE = 64 << 10, SESSION = 100 };

static struct stage stage;
static void *blocks[BLOCKS], *session;

static void open_session(void)
{
	session = stage_alloc(&stage, SESSION);
}

static void end_session(void)
{
	stage_free(&stage, session, SESSION);
}

int main(void)
{
	stage.free_pin = end_session;
	for (int i = 0; i < BLOCKS; i++)
		blocks[i] = stage_alloc(&stage, SIZE);
	open_session();
	for (int i = 0; i < BLOCKS; i++)
		stage_free(&stage, blocks[i], SIZE);
	stage_wait(&stage);
	return 0;
}
