/* SPDX-License-Identifier: MIT */
/*
 * glibc-mmapped.h: blocks of glibc that have a mapping of their own.
 */
#ifndef PROCESS_GLIBC_MMAPPED_H
#define PROCESS_GLIBC_MMAPPED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/arenas.h"
#include "process/glibc-params.h"
#include "process/maps.h"
#include "process/memory.h"

struct glibc_mmapped_block {
	uint64_t start, end; /* of the mapping */
	uint64_t chunk;      /* its header: the block is 16 bytes further */
};

struct glibc_mmapped {
	struct glibc_mmapped_block *blocks; /* by address; owned */
	size_t n_blocks;
	uint64_t bytes;
	bool complete; /* number and bytes are what the process itself counts */
};

/* known: ranges, in order, in which there is none. params: what the process counts; not NULL. */
int glibc_mmapped_read(struct memory *memory, const struct maps *maps, const struct arenas *known,
		       const struct glibc_params *params, struct glibc_mmapped *ret);
void glibc_mmapped_deinit(struct glibc_mmapped *mmapped);

#endif
