/* SPDX-License-Identifier: MIT */
/*
 * Class 0 holds what is below 16 bytes. From there on a class is given by the position of a size's highest
 * bit and the two bits behind it, so that powers of two begin a class: thresholds of allocators are powers
 * of two. The last class has no upper end.
 */
#include "process/arena-sizes.h"

#include "base/macro.h"

enum { SHIFT_MIN = 4, PER_DOUBLING = 4 };

size_t arena_sizes_class(uint64_t size)
{
	unsigned shift;
	size_t size_class;

	if (size < 1u << SHIFT_MIN)
		return 0;
	shift = 63 - (unsigned)__builtin_clzll(size);
	size_class = 1 + (size_t)(shift - SHIFT_MIN) * PER_DOUBLING +
		     ((size >> (shift - 2)) & (PER_DOUBLING - 1));
	return MIN(size_class, (size_t)ARENA_SIZES_CLASSES - 1);
}

uint64_t arena_sizes_low(size_t size_class)
{
	unsigned shift;

	if (size_class == 0)
		return 0;
	shift = SHIFT_MIN + (unsigned)(size_class - 1) / PER_DOUBLING;
	return (PER_DOUBLING + (size_class - 1) % PER_DOUBLING) << (shift - 2);
}

void arena_sizes_add(struct arena_sizes *sizes, bool in_use, uint64_t size)
{
	struct arena_sizes_count *counts = in_use ? sizes->in_use : sizes->holes;
	size_t size_class = arena_sizes_class(size);

	counts[size_class].blocks++;
	counts[size_class].bytes += size;
}

static struct arena_sizes_count sum(const struct arena_sizes_count *counts, size_t from, size_t to)
{
	struct arena_sizes_count total = {};

	for (size_t i = from; i < to; i++) {
		total.blocks += counts[i].blocks;
		total.bytes += counts[i].bytes;
	}
	return total;
}

struct arena_sizes_count arena_sizes_total(const struct arena_sizes_count *counts)
{
	return sum(counts, 0, ARENA_SIZES_CLASSES);
}

struct arena_sizes_count arena_sizes_from(const struct arena_sizes_count *counts, uint64_t size)
{
	return sum(counts, arena_sizes_class(size), ARENA_SIZES_CLASSES);
}

struct arena_sizes_count arena_sizes_below(const struct arena_sizes_count *counts, uint64_t size)
{
	return sum(counts, 0, arena_sizes_class(size));
}

uint64_t arena_sizes_median(const struct arena_sizes_count *counts)
{
	const uint64_t total = arena_sizes_total(counts).bytes;
	uint64_t above = 0;

	for (size_t i = ARENA_SIZES_CLASSES; total > 0 && i-- > 0;) {
		above += counts[i].bytes;
		if (above >= total - total / 2)
			return arena_sizes_low(i);
	}
	return 0;
}
