/* SPDX-License-Identifier: MIT */
/*
 * pool.c: a pool allocator that tells memtrace what it gives out, and a server that says which type of
 * request it works on. One type forgets to give blocks back:
 *
 *	memtrace run ./pool
 *	memtrace report --by=tag
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <memtrace.h>

enum { CHUNK = 1 << 20, BLOCK = 1024, N_REQUESTS = 2000 };

struct block {
	struct block *next;
};

static struct block *free_blocks;
static char *chunk, *chunk_end;

static void take_chunk(void)
{
	MEMTRACE_BACKING_BEGIN();
	chunk = malloc(CHUNK);
	MEMTRACE_BACKING_END();
	if (!chunk)
		exit(1);
	chunk_end = chunk + CHUNK;
}

static void *pool_take(void)
{
	struct block *block = free_blocks;

	if (block) {
		free_blocks = block->next;
	} else {
		if (chunk == chunk_end)
			take_chunk();
		block = (struct block *)chunk;
		chunk += BLOCK;
	}
	MEMTRACE_POOL_ALLOC(block, BLOCK);
	return block;
}

static void pool_give(void *pointer)
{
	struct block *block = pointer;

	MEMTRACE_POOL_FREE(block);
	block->next = free_blocks;
	free_blocks = block;
}

static void search(void)
{
	char *answer = pool_take();

	memset(answer, 's', BLOCK);
	pool_give(answer);
}

/* Keeps what it should give back. */
static void checkout(void)
{
	char *receipt = pool_take();

	memset(receipt, 'r', BLOCK);
}

static void serve(int number)
{
	if (number % 4 == 0) {
		MEMTRACE_TAG_PUSH("checkout");
		checkout();
		MEMTRACE_TAG_POP();
	} else {
		MEMTRACE_TAG_PUSH("search");
		search();
		MEMTRACE_TAG_POP();
	}
}

int main(int argc, char **argv)
{
	MEMTRACE_MARK("serving");
	for (int i = 0; i < N_REQUESTS; i++)
		serve(i);
	MEMTRACE_MARK("served");
	puts("served");
	/* with an argument it waits for its input to end, so that one can look at it */
	if (argc > 1)
		(void)getchar();
	return 0;
}
