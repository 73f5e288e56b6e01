/* SPDX-License-Identifier: MIT */
/*
 * rangemap.h: which of many address ranges, that may nest and overlap, owns an address. Ranges are
 * added in any order, then built into disjoint segments once, and from then on only looked up.
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

/* Zeroed is empty and holds no memory. */
struct rangemap {
	struct range *ranges; /* between the first rangemap_add and rangemap_build */
	size_t n_ranges, capacity;
	struct range_segment *segments; /* ascending, the last one is a hole */
	size_t n_segments;
};

void rangemap_deinit(struct rangemap *map);

/* An empty or inverted range is nothing, and fine. value is not RANGE_NONE. 0 or -ENOMEM. */
int rangemap_add(struct rangemap *map, uint64_t start, uint64_t end, uint64_t rank, uint32_t value);

/* The rank for "the narrowest range wins". */
uint64_t rangemap_rank_narrow(uint64_t start, uint64_t end);

/* Makes the map ready for rangemap_find; nothing is added afterwards. 0 or -ENOMEM. */
int rangemap_build(struct rangemap *map);

/* RANGE_NONE if no range covers address. */
uint32_t rangemap_find(const struct rangemap *map, uint64_t address);

#endif
