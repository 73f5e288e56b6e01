/* SPDX-License-Identifier: MIT */
/*
 * jemalloc-tally.h: the extents of jemalloc's arenas summed up, and what of them is resident.
 */
#ifndef PROCESS_JEMALLOC_TALLY_H
#define PROCESS_JEMALLOC_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "process/jemalloc-extents.h"
#include "process/jemalloc-sums.h"
#include "process/runs.h"

enum { JEMALLOC_ARENAS = 4096 };

struct jemalloc_arena_tally {
	struct jemalloc_sums sums;
	uint64_t waste_resident;     /* of active pages, what no block has */
	uint64_t trimmable_resident; /* of dirty and muzzy pages */
	bool is_there;               /* it has extents */
};

struct jemalloc_tally {
	struct jemalloc_arena_tally *arenas; /* JEMALLOC_ARENAS of them; owned */
	struct runs runs;
	struct arena_sizes sizes;
	bool has_huge_pages;
};

/* -ENOMEM */
int jemalloc_tally_init(struct jemalloc_tally *tally, struct memory *memory);
void jemalloc_tally_deinit(struct jemalloc_tally *tally);
void jemalloc_tally_forget(struct jemalloc_tally *tally);

/* A jemalloc_visit. */
int jemalloc_tally_extent(const struct jemalloc_extent *extent, void *tally);
/* A block of metadata. */
int jemalloc_tally_base(struct jemalloc_tally *tally, uint32_t arena, uint64_t address,
			uint64_t size);

/* Adds the arena and its ranges. */
int jemalloc_tally_tell(const struct jemalloc_tally *tally, uint32_t id, struct arenas *ret);
void jemalloc_tally_tell_sizes(const struct jemalloc_tally *tally, struct arenas *ret);

#endif
