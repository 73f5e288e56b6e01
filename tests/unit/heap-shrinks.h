/* SPDX-License-Identifier: MIT */
/* heap-shrinks.h: for tests of the heap: that it gives back what it does not need, as the program goes on. */
#ifndef TESTS_UNIT_HEAP_SHRINKS_H
#define TESTS_UNIT_HEAP_SHRINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "heap/heap.h"

/* Allocates a little until the heap has no more than max bytes to spare, or a minute is over. */
static inline bool shrinks_to(size_t max)
{
	const time_t deadline = time(NULL) + 60;
	struct heap_stats stats;

	do {
		for (unsigned i = 0; i < 1000; i++)
			heap_free(heap_alloc(16 + i));
		heap_get_stats(&stats);
	} while (stats.free_bytes + stats.cached_bytes > max && time(NULL) < deadline);
	return stats.free_bytes + stats.cached_bytes <= max;
}

#endif
