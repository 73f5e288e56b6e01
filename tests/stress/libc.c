/* SPDX-License-Identifier: MIT */
/* libc.c: malloc and its family, by their names. */
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "stress.h"

static void trim(void)
{
	struct mallinfo2 info = mallinfo2();

	(void)malloc_trim(info.fordblks / 2);
}

static void thread_end(void)
{
}

const struct stress_api stress_api = {
	.allocate = malloc,
	.allocate_zeroed = calloc,
	.allocate_aligned = memalign,
	.reallocate = realloc,
	.release = free,
	.usable_size = malloc_usable_size,
	.trim = trim,
	.fork = fork,
	.thread_end = thread_end,
};
