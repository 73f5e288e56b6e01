/* SPDX-License-Identifier: MIT */
/*
 * window.h: memory of another process in order of address, in large pieces, and only what is there: a page
 * that is absent is not made present by being looked at.
 *
 *	r = window_get_some(&window, address, size, &bytes, &n);		1: n bytes are there
 */
#ifndef PROCESS_WINDOW_H
#define PROCESS_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "process/memory.h"

/* What can be asked for at once. */
enum { WINDOW_MAX = 64 * 1024 };

struct window {
	struct memory *memory; /* the caller's */
	uint64_t start;        /* of what is here, whole pages */
	size_t size;
	char *bytes;
	uint8_t *pages; /* enum memory_page, one byte a page */
};

/* -ENOMEM. */
int window_init(struct window *window, struct memory *memory);
void window_deinit(struct window *window);

/*
 * 1 and as many bytes as are there without a gap, at most size and WINDOW_MAX, which stay until the next call;
 * 0 if the first one is absent, swapped out or not mapped; -errno if the process is gone.
 */
int window_get_some(struct window *window, uint64_t address, size_t size, const void **ret,
		    size_t *ret_size);

#endif
