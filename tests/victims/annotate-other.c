/* SPDX-License-Identifier: MIT */
/* A second file with the header: both have one table. */
#include <stdlib.h>

#include <memtrace.h>

void *other_keep(size_t size);

__attribute__((noinline)) void *other_keep(size_t size)
{
	void *block;

	MEMTRACE_TAG_PUSH("innermost");
	block = malloc(size);
	MEMTRACE_TAG_POP();
	return block;
}
