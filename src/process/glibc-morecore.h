/* SPDX-License-Identifier: MIT */
/*
 * glibc-morecore.h: memory of the main arena that did not come from the program break.
 */
#ifndef PROCESS_GLIBC_MORECORE_H
#define PROCESS_GLIBC_MORECORE_H

#include "process/glibc-heaps.h"

/* What is known before; the caller's. */
struct glibc_morecore {
	struct memory *memory;
	const struct maps *maps;
	uint64_t top, top_end; /* of the main arena */
	uint64_t break_start,
		break_end; /* not looked at; 0 if it is not known where the break is */
	uint64_t base;     /* where the arena's first memory begins; 0 if that is not known */
	uint64_t wanted;   /* bytes: what the arena has in all but the break */
};

/* Adds the regions, in no order, until there are as many bytes as wanted. 0 or -errno. */
int glibc_morecore_find(const struct glibc_morecore *morecore, struct glibc_regions *regions);

#endif
