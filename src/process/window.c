/* SPDX-License-Identifier: MIT */
/*
 * window.c: see the header.
 *
 * A walk over a million blocks asks for a few bytes of each, in order. One system call for each would be
 * most of the work, so the window holds a stretch of pages from the one that was asked for onwards:
 * which of them are there is asked first, then each run of those is read at once. A process that unmaps
 * memory between the two gives pages that cannot be read, which then count as absent.
 */
#include "process/window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

enum { SPAN = 256 * 1024, SPAN_PAGES = SPAN / MEMORY_PAGE_SIZE };
_Static_assert(SPAN >= 2 * WINDOW_MAX, "whatever is asked for fits from any place of a page on");

int window_init(struct window *window, struct memory *memory)
{
	*window = (struct window){
		.memory = memory,
		.bytes = malloc(SPAN),
		.pages = malloc(SPAN_PAGES),
	};
	if (window->bytes && window->pages)
		return 0;
	window_deinit(window);
	return -ENOMEM;
}

void window_deinit(struct window *window)
{
	free(window->bytes);
	free(window->pages);
	*window = (struct window){0};
}

static int read_run(struct window *window, size_t first, size_t n)
{
	int r = memory_read(window->memory, window->start + first * MEMORY_PAGE_SIZE,
			    window->bytes + first * MEMORY_PAGE_SIZE, n * MEMORY_PAGE_SIZE);

	if (r == 0 || r == -ESRCH)
		return r;
	if (n == 1) {
		window->pages[first] = MEMORY_ABSENT;
		return 0;
	}
	/* one of them went away: all but that one are still of use */
	r = read_run(window, first, n / 2);
	return r < 0 ? r : read_run(window, first + n / 2, n - n / 2);
}

static int fill(struct window *window, uint64_t address)
{
	size_t n = SPAN_PAGES, first, end;
	int r;

	window->start = ALIGN_DOWN(address, (uint64_t)MEMORY_PAGE_SIZE);
	window->size = 0;
	n = (size_t)MIN((uint64_t)n, (UINT64_MAX - window->start) / MEMORY_PAGE_SIZE);
	r = memory_pages(window->memory, window->start, n, window->pages);
	for (first = 0; r == 0 && first < n; first = end) {
		end = first + 1;
		if (!(window->pages[first] & MEMORY_RESIDENT))
			continue;
		while (end < n && window->pages[end] & MEMORY_RESIDENT)
			end++;
		r = read_run(window, first, end - first);
	}
	if (r == 0)
		window->size = n * MEMORY_PAGE_SIZE;
	return r;
}

int window_get_some(struct window *window, uint64_t address, size_t size, const void **ret,
		    size_t *ret_size)
{
	size_t place, page, end;
	int r;

	*ret_size = 0;
	size = MIN(size, (size_t)WINDOW_MAX);
	if (address < window->start || address - window->start > window->size ||
	    size > window->size - (address - window->start)) {
		r = fill(window, address);
		if (r < 0)
			return r;
	}
	place = (size_t)(address - window->start);
	end = MIN(place + size, window->size);
	for (page = place / MEMORY_PAGE_SIZE; page * MEMORY_PAGE_SIZE < end; page++)
		if (!(window->pages[page] & MEMORY_RESIDENT))
			break;
	end = MIN(end, page * MEMORY_PAGE_SIZE);
	if (end <= place)
		return 0;
	*ret = window->bytes + place;
	*ret_size = end - place;
	return 1;
}
