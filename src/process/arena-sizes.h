/* SPDX-License-Identifier: MIT */
/*
 * arena-sizes.h: of which sizes an arena's blocks and holes are: what decides whether a hole can serve what
 * the program asks for. Sizes fall into classes of which four lie between a power of two and the next.
 */
#ifndef PROCESS_ARENA_SIZES_H
#define PROCESS_ARENA_SIZES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ARENA_SIZES_CLASSES = 150 };

struct arena_sizes_count {
	uint64_t blocks, bytes;
};

/*
 * Blocks in use, without those that have a mapping of their own; and holes: free blocks between blocks. The
 * top of a heap is no hole, it is what grows, nor is what caches of threads hold.
 */
struct arena_sizes {
	struct arena_sizes_count in_use[ARENA_SIZES_CLASSES], holes[ARENA_SIZES_CLASSES];
};

/* The class of a size in bytes, and the smallest size of a class. */
size_t arena_sizes_class(uint64_t size);
uint64_t arena_sizes_low(size_t size_class);

void arena_sizes_add(struct arena_sizes *sizes, bool in_use, uint64_t size);

struct arena_sizes_count arena_sizes_total(const struct arena_sizes_count *counts);
/* Those of at least size bytes, and of less: to the granularity of the classes. */
struct arena_sizes_count arena_sizes_from(const struct arena_sizes_count *counts, uint64_t size);
struct arena_sizes_count arena_sizes_below(const struct arena_sizes_count *counts, uint64_t size);
/* The size that half of the bytes are in blocks of at least: of the class, its smallest; 0 if there are none. */
uint64_t arena_sizes_median(const struct arena_sizes_count *counts);

#endif
