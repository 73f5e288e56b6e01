/* SPDX-License-Identifier: MIT */
/*
 * rangemap.h: which of many address ranges, that may nest and overlap, owns an address. Ranges are
 * added to a builder in any order, then built into a map once, which is only looked up.
 */
#ifndef SYMBOLIZE_RANGEMAP_H
#define SYMBOLIZE_RANGEMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct range {
	uint64_t start, end; /* start < end, which is outside */
	uint64_t rank;       /* where ranges overlap, the highest rank owns */
	uint32_t value;
};

struct range_segment {
	uint64_t start; /* up to the next one's start */
	uint32_t value; /* RANGE_NONE: a hole */
};

static const uint32_t RANGE_NONE = UINT32_MAX;

/* Zeroed is empty and holds no memory. What it holds is used again for the next map. */
struct rangemap_builder {
	struct range *ranges; /* those that were added */
	size_t n_ranges, capacity;
	/* for rangemap_build */
	const struct range **open;
	struct range_segment *segments;
	size_t work_capacity; /* in ranges */
};

void rangemap_builder_deinit(struct rangemap_builder *builder);

/* An empty or inverted range is nothing, and fine. value is not RANGE_NONE. 0 or -ENOMEM. */
int rangemap_add(struct rangemap_builder *builder, uint64_t start, uint64_t end, uint64_t rank,
		 uint32_t value);

/*
 * Zeroed is empty. Addresses from the first segment's start up to the last one's are in buckets of
 * 2^shift bytes; guide tells for each bucket, and for one more, the segment that its first address is in.
 */
struct rangemap {
	struct range_segment
		*segments;    /* ascending, the last one is a hole; behind them the guide */
	uint64_t first, span; /* where they start, and how far it is to the last one */
	uint32_t n_segments;
	uint8_t shift;
};

void rangemap_deinit(struct rangemap *map);

/* The rank for "the narrowest range wins". */
uint64_t rangemap_rank_narrow(uint64_t start, uint64_t end);

/* Makes a map of what was added, and empties the builder, also on failure. map was empty. 0 or -ENOMEM. */
int rangemap_build(struct rangemap_builder *builder, struct rangemap *map);

/* RANGE_NONE if no range covers address. */
uint32_t rangemap_find(const struct rangemap *map, uint64_t address);

#endif
