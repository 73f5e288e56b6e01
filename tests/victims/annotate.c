/* SPDX-License-Identifier: MIT */
/*
 * A pool whose blocks are named, in chunks that are backing; tags within tags; marks. Without optimisation of
 * the macros' cost: what they say is checked by tests/e2e/test_annotate.py.
 */
#include <stdio.h>
#include <stdlib.h>

#include <memtrace.h>

enum { CHUNK = 1 << 20, BLOCK = 1000, N_KEPT = 300 };

void *other_keep(size_t size);

static char *chunk;
static void *volatile kept[N_KEPT];

static __attribute__((noinline)) void take_chunk(void)
{
	MEMTRACE_BACKING_BEGIN();
	chunk = malloc(CHUNK);
	MEMTRACE_BACKING_END();
}

static __attribute__((noinline)) void *pool_keep(int i)
{
	char *block = chunk + (size_t)i * BLOCK;

	MEMTRACE_POOL_ALLOC(block, BLOCK);
	return block;
}

static __attribute__((noinline)) void *tagged(void)
{
	void *blocks[2];

	MEMTRACE_TAG_PUSH("outer");
	blocks[0] = malloc(5000);
	MEMTRACE_TAG_PUSH("inner");
	blocks[1] = other_keep(7000);
	MEMTRACE_TAG_POP();
	kept[0] = blocks[0];
	kept[1] = blocks[1];
	MEMTRACE_TAG_POP();
	return malloc(9000);
}

int main(void)
{
	take_chunk();
	MEMTRACE_MARK("half way");
	for (int i = 0; i < N_KEPT; i++) {
		void *block = pool_keep(i);

		/* of three one is taken back, and one moves */
		if (i % 3 == 0)
			MEMTRACE_POOL_FREE(block);
		if (i % 3 == 1)
			MEMTRACE_POOL_MOVE(block, (char *)block + 500, BLOCK / 2);
	}
	MEMTRACE_POOL_FREE(NULL);
	kept[2] = tagged();
	printf("ready\n");
	fflush(stdout);
	(void)getchar();
	return 0;
}
