/* SPDX-License-Identifier: MIT */
/*
 * glibc-walk.h: the chunks of one heap of glibc, from its first to its top, read in large pieces.
 */
#ifndef PROCESS_GLIBC_WALK_H
#define PROCESS_GLIBC_WALK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "process/glibc-caches.h"
#include "process/memory.h"
#include "process/pause.h"
#include "process/residency.h"

/* Memory of an arena that lies in one piece. */
struct glibc_region {
	uint64_t start, end;
	uint64_t first;    /* chunk */
	uint64_t reserved; /* end of the addresses that belong to it: not below end */
	uint64_t top;      /* chunk, if this is the arena's last region; 0 otherwise */
	bool main;         /* of the main arena */
	bool search;       /* the first chunk is somewhere from `first` on */
};

enum glibc_chunk_kind {
	GLIBC_IN_USE,
	GLIBC_FREE,        /* in a bin */
	GLIBC_FREE_FAST,   /* in a fast bin */
	GLIBC_FREE_CACHED, /* in a thread's cache */
	GLIBC_TOP,
	GLIBC_TABLE,  /* a thread's cache itself */
	GLIBC_FENCE,  /* what glibc puts at the end of a heap that does not grow further */
	GLIBC_GAP,    /* taken from the program break by somebody else */
	GLIBC_UNREAD, /* no chunks could be made out */
};

struct glibc_chunk {
	uint64_t address, size; /* header included */
	enum glibc_chunk_kind kind;
};

/* Chunks come in order of address and without gaps. Nonzero stops the walk and is returned. */
typedef int (*glibc_visit)(const struct glibc_chunk *chunk, void *userdata);

/* What a walk needs; the caller's. */
struct glibc_walk {
	struct memory *memory;
	const struct residency *map; /* of the region */
	const struct glibc_caches *caches;
	pid_t pid;                  /* that may be stopped for a moment; 0: none */
	struct pause_tally *pauses; /* counts that; NULL: nobody asks */
};

/* 0, what visit returned, or -errno: -ESRCH if the process is gone. */
int glibc_walk_region(const struct glibc_walk *walk, const struct glibc_region *region,
		      glibc_visit visit, void *userdata);

#endif
