/* SPDX-License-Identifier: MIT */
/*
 * annotate.c: what a program pays for the macros of memtrace.h: nanoseconds of CPU for a pair of calls (alloc and
 * free of a pool's block, push and pop of a tag) or for one (a mark), a line each. Whether an agent listens
 * is up to who starts it.
 *
 * usage: annotate
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "memtrace.h"

enum { CALLS = 1000000, MARKS = 100000, BLOCKS = 64, SIZE = 100 };

static char *chunk;

static void pool(unsigned i)
{
	char *block = chunk + (size_t)(i % BLOCKS) * SIZE;

	MEMTRACE_POOL_ALLOC(block, SIZE);
	MEMTRACE_POOL_FREE(block);
}

static void tag(unsigned i)
{
	(void)i;
	MEMTRACE_TAG_PUSH("request");
	MEMTRACE_TAG_POP();
}

static void mark(unsigned i)
{
	(void)i;
	MEMTRACE_MARK("half way");
}

static const struct {
	const char *name;
	void (*call)(unsigned i);
	unsigned n;
} kinds[] = {{"pool", pool, CALLS}, {"tag", tag, CALLS}, {"mark", mark, MARKS}};

int main(void)
{
	MEMTRACE_BACKING_BEGIN();
	chunk = malloc((size_t)BLOCKS * SIZE);
	MEMTRACE_BACKING_END();
	if (!chunk)
		return 1;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		const uint64_t start = bench_now_ns();

		for (unsigned i = 0; i < kinds[k].n; i++)
			kinds[k].call(i);
		printf("%s %.2f\n", kinds[k].name, (double)(bench_now_ns() - start) / kinds[k].n);
	}
	free(chunk);
	return 0;
}
