/* SPDX-License-Identifier: MIT */
/*
 * glibc-heaps.h: the memory of an arena: the program break for the main one, a chain of heaps of 64 MB
 * for the others.
 */
#ifndef PROCESS_GLIBC_HEAPS_H
#define PROCESS_GLIBC_HEAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/glibc-params.h"
#include "process/glibc-state.h"
#include "process/glibc-walk.h"

struct glibc_regions {
	struct glibc_region *regions; /* by address; owned */
	size_t n_regions;
};

/* Where the program break is. false if there is none. */
bool glibc_break_find(const struct maps *maps, const struct glibc_state *main, uint64_t *ret_start,
		      uint64_t *ret_end);

/*
 * params may be NULL if they were not found. -EBADMSG if the arena's heaps are not what they should be.
 */
int glibc_regions_read(struct memory *memory, const struct maps *maps,
		       const struct glibc_states *states, const struct glibc_state *state,
		       const struct glibc_params *params, struct glibc_regions *ret);
void glibc_regions_deinit(struct glibc_regions *regions);
/* One more, at the end, whatever the order is. 0 or -ENOMEM. */
int glibc_regions_add(struct glibc_regions *regions, const struct glibc_region *region);

#endif
