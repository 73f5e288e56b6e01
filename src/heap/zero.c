/* SPDX-License-Identifier: MIT */
/*
 * zero.c: a large block of zeros from pages that were used before.
 *
 * Storing zeros into all of it makes pages resident that its last owner never touched, and its next one may
 * not touch either. Giving all of it back costs a page fault for each page that is touched, several times
 * what zeroing one takes. So the kernel is asked which pages there are: those are zeroed, and the others,
 * which may have been swapped out, are given back.
 */
#include "heap/zero.h"

#include "heap/bulk.h"
#include "heap/span.h"

#define ASK_MIN   64u  /* pages: below, asking is not worth it */
#define ASK_PAGES 256u /* at once */

bool zero_is_confined;

/* A run of pages that are all there, or all not. */
static void zero_run(char *start, size_t n_pages, bool resident)
{
	const size_t size = n_pages << HEAP_PAGE_SHIFT;

	if (resident || os_discard((uintptr_t)start, size) < 0)
		bulk_zero(start, size);
}

static bool zero_some(char *start, size_t n_pages)
{
	unsigned char pages[ASK_PAGES];
	size_t first = 0;

	if (os_find_resident((uintptr_t)start, n_pages << HEAP_PAGE_SHIFT, pages) < 0)
		return false;
	for (size_t i = 1; i <= n_pages; i++) {
		if (i < n_pages && (pages[i] & 1) == (pages[first] & 1))
			continue;
		zero_run(start + (first << HEAP_PAGE_SHIFT), i - first, pages[first] & 1);
		first = i;
	}
	return true;
}

void zero_pages(void *block, size_t size)
{
	const size_t n_pages = span_pages(size);
	size_t done = 0;

	if (n_pages >= ASK_MIN && !__atomic_load_n(&zero_is_confined, __ATOMIC_RELAXED))
		while (done < n_pages) {
			const size_t n = MIN(n_pages - done, ASK_PAGES);

			if (!zero_some((char *)block + (done << HEAP_PAGE_SHIFT), n))
				break;
			done += n;
		}
	if (done < n_pages)
		bulk_zero((char *)block + (done << HEAP_PAGE_SHIFT),
			  size - (done << HEAP_PAGE_SHIFT));
}
