/* SPDX-License-Identifier: MIT */
/*
 * stress.h: the allocator that stress.c is linked with: the C library's names, so that whatever is
 * preloaded is meant (libc.c), or the heap as a library, which sanitizers see into (heap.c).
 */
#ifndef TESTS_STRESS_STRESS_H
#define TESTS_STRESS_STRESS_H

#include <stddef.h>
#include <sys/types.h>

struct stress_api {
	void *(*allocate)(size_t size);
	void *(*allocate_zeroed)(size_t n, size_t size);
	void *(*allocate_aligned)(size_t align, size_t size);
	void *(*reallocate)(void *block, size_t size);
	void (*release)(void *block);
	size_t (*usable_size)(void *block);
	void (*trim)(void);
	pid_t (*fork)(void);
	/* a thread ends: where nobody else tells the allocator */
	void (*thread_end)(void);
};

extern const struct stress_api stress_api;

#endif
