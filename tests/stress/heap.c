/* SPDX-License-Identifier: MIT */
/* heap.c: the heap as a library, with hooks that give a tag to one block in some. */
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "heap/heap.h"
#include "stress.h"

#define INTERVAL 5000

/* A tag is made of the block's address, so that the one that comes back can be checked. */
static uint32_t tag_of(const void *block)
{
	return (uint32_t)((uintptr_t)block >> 4) | 1u;
}

static uint32_t allocated(void *block, size_t size, int64_t *ret_next)
{
	*ret_next = INTERVAL;
	return tag_of(block);
}

static void freed(void *block, uint32_t tag)
{
	if (tag != tag_of(block))
		abort();
}

static const struct heap_hooks hooks = {.allocated = allocated, .freed = freed};

__attribute__((constructor)) static void set_hooks(void)
{
	heap_set_hooks(&hooks);
}

static void *allocate(size_t size)
{
	return heap_alloc(size);
}

static size_t usable_size(void *block)
{
	return heap_usable_size(block);
}

static void trim(void)
{
	(void)heap_trim(1 << 20);
}

static pid_t prepared_fork(void)
{
	pid_t pid;

	heap_before_fork();
	pid = fork();
	if (pid == 0)
		heap_after_fork_child();
	else
		heap_after_fork_parent();
	return pid;
}

const struct stress_api stress_api = {
	.allocate = allocate,
	.allocate_zeroed = heap_alloc_zeroed,
	.allocate_aligned = heap_alloc_aligned,
	.reallocate = heap_realloc,
	.release = heap_free,
	.usable_size = usable_size,
	.trim = trim,
	.fork = prepared_fork,
	.thread_end = heap_thread_end,
};
