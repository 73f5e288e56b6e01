/* SPDX-License-Identifier: MIT */
/*
 * pageheap.h: runs of free pages: split, merged, and given back to the kernel.
 *
 * A free run is dirty (resident, because it was used) or clean (it was given back or never touched, and
 * reads as zeros). The functions take the page heap's lock themselves, and may be called with a central
 * list's lock held.
 */
#ifndef HEAP_PAGEHEAP_H
#define HEAP_PAGEHEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/span.h"

/* Figures in pages. used + dirty + clean is all that the range has. */
struct pageheap_stats {
	size_t used;
	size_t dirty;
	size_t clean;
};

struct pageheap_request {
	size_t n_pages;
	size_t align;          /* of the first page's address, in pages, a power of two */
	size_t room;           /* pages behind it that are free, if that can be had */
	enum span_state state; /* SPAN_SMALL or SPAN_LARGE */
};

/*
 * A run of pages, entered in the pagemap at both ends. ret_zero, if it is not NULL, tells whether all of
 * it is zero. NULL if there is no memory.
 */
struct span *pageheap_alloc(const struct pageheap_request *request, bool *ret_zero);

/* Gives a run back. Gives what is not likely to be needed again to the kernel. */
void pageheap_free(struct span *span);

/* The same for a run whose pages have moved elsewhere, and which reads as zeros. */
void pageheap_free_moved(struct span *span);

/*
 * Makes a used run n_pages long where it is, by the free runs behind it and by growing the range. False
 * if there are none, when it may have become longer, but not long enough.
 */
bool pageheap_grow(struct span *span, size_t n_pages);

/* Gives all but the first n_pages of a used run back. */
void pageheap_shrink(struct span *span, size_t n_pages);

/* Looks at the clock, as pageheap_free does: for programs that free no pages. */
void pageheap_age(void);

/* Gives dirty runs to the kernel, oldest first, until keep bytes are left. True if any were given. */
bool pageheap_release(size_t keep);

void pageheap_get_stats(struct pageheap_stats *ret);

/* For rebuild.c: the free runs are entered again; everything else in the range is in use. */
void pageheap_reset(void);

/* For fork.c. */
struct lock *pageheap_lock(void);

#endif
