/* SPDX-License-Identifier: MIT */
/*
 * backend.h: the allocator that the program would use without us, and observing it.
 *
 * In system mode every call is forwarded to it, and sampled by a countdown of bytes that each thread
 * keeps here. In fast mode it only sees blocks that are its own: those that code allocated past us.
 */
#ifndef AGENT_PRELOAD_BACKEND_H
#define AGENT_PRELOAD_BACKEND_H

#include <link.h>
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The next definitions after ours in the order of search. Those that may be NULL are marked. */
struct backend {
	void *(*allocate)(size_t size);
	void (*release)(void *block);
	void *(*allocate_zeroed)(size_t n, size_t size);
	void *(*resize)(void *block, size_t size);
	void *(*allocate_aligned)(size_t align, size_t size);     /* memalign */
	void *(*allocate_aligned_c11)(size_t align, size_t size); /* aligned_alloc */
	int (*allocate_aligned_posix)(void **, size_t align, size_t size);
	void *(*allocate_page)(size_t size);  /* valloc */
	void *(*allocate_pages)(size_t size); /* pvalloc; may be NULL */
	size_t (*usable_size)(void *block);
	/* any of these may be NULL */
	int (*trim)(size_t pad);
	int (*set_option)(int option, int value);
	struct mallinfo (*info)(void);
	struct mallinfo2 (*info2)(void);
	int (*print_info)(int options, FILE *stream);
	void (*print_stats)(void);

	const struct link_map *module; /* that defines malloc */
	uint32_t kind;                 /* enum mt_allocator */
};
extern struct backend backend;

/*
 * Finds all of it. Returns false if there is no other allocator in the process, which cannot be where a
 * C library is. May be called again, by several threads at once: the result is the same.
 */
bool backend_find(void);

/* Which allocator (enum mt_allocator) module is, if it is one. */
uint32_t backend_identify(const struct link_map *module);

/* From now on allocations are offered to the core, or, with false, never. */
void backend_set_recording(bool recording);

/* The allocation family on the backend, observed. errno is the backend's. */
void *backend_alloc(size_t size);
void *backend_alloc_zeroed(size_t n, size_t size);
void *backend_realloc(void *block, size_t size);
void backend_free(void *block);
/* For those that only system mode calls: block was just returned for size bytes; returns block. */
void *backend_observe(void *block, size_t size);

#endif
