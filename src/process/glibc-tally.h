/* SPDX-License-Identifier: MIT */
/*
 * glibc-tally.h: sums over the chunks of an arena: what is in use, free, resident, what malloc_trim(0)
 * would give back, and which blocks keep the rest from going back by itself.
 */
#ifndef PROCESS_GLIBC_TALLY_H
#define PROCESS_GLIBC_TALLY_H

#include "process/arenas.h"
#include "process/glibc-walk.h"

enum { GLIBC_TALLY_STEPS = 4096 };

/* Used blocks without a free one between them, and the free memory in front of them. */
struct glibc_step {
	uint64_t start; /* of the free memory, or of the blocks if there is none */
	uint64_t free_resident;
	uint64_t first, first_size; /* the block that the program sees */
	uint64_t n_blocks, bytes;
};

struct glibc_tally {
	struct arena *arena;
	struct arena_sizes *sizes;
	uint64_t trim_unit; /* systrim gives back multiples of this */
	bool top_moves;     /* the end of the region is the program break */
	/* of the region at hand */
	const struct glibc_region *region;
	const struct residency *map;
	struct arena_range range;
	uint64_t run_start, run_end; /* free chunks that malloc_trim would merge */
	struct glibc_step *steps;    /* the last GLIBC_TALLY_STEPS ones, a ring; owned */
	size_t n_steps;              /* all of them */
	bool last_is_free;
	bool torn; /* chunks did not fit together; of all regions */
};

/* arena and sizes are added to, and stay the caller's. */
int glibc_tally_init(struct glibc_tally *tally, struct arena *arena, struct arena_sizes *sizes,
		     uint64_t trim_unit);
void glibc_tally_deinit(struct glibc_tally *tally);

/* One region after the other: begin, each chunk, end. end adds the region's pins to the arena. */
void glibc_tally_begin(struct glibc_tally *tally, const struct glibc_region *region,
		       const struct residency *map, bool top_moves);
int glibc_tally_chunk(const struct glibc_chunk *chunk, void *tally);
int glibc_tally_end(struct glibc_tally *tally);

#endif
