/* SPDX-License-Identifier: MIT */
/*
 * arenas.h: what an allocator holds, seen from outside, in one vocabulary for all allocators.
 *
 * An arena is what its allocator calls one: an arena of glibc with its heaps, the heap of the fast
 * allocator, an arena of jemalloc. Every byte of an arena's memory is exactly one of
 *
 *	in_use    blocks that the program has, with the allocator's header and rounding in them
 *	free      blocks that it gave back and may get again: bins, top, caches of threads
 *	metadata  what the allocator keeps beside the blocks
 *
 * so that system = in_use + free + metadata, and for what is resident the same. Free memory that is not
 * resident was returned to the kernel. All figures are bytes where the name does not say otherwise;
 * ARENAS_UNKNOWN where the allocator does not tell.
 *
 * Readers of the allocators (glibc-arenas.h, fast-arenas.h) fill a struct arenas; profile and render
 * know only this.
 */
#ifndef PROCESS_ARENAS_H
#define PROCESS_ARENAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "process/arena-sizes.h"

#define ARENAS_UNKNOWN UINT64_MAX

enum arenas_allocator {
	ARENAS_GLIBC,
	ARENAS_FAST,
	ARENAS_JEMALLOC,
	ARENAS_TCMALLOC,
	ARENAS_MIMALLOC,
};

enum arena_kind {
	ARENA_MAIN,    /* glibc: the program break and what replaces it */
	ARENA_THREAD,  /* glibc: heaps of HEAP_MAX_SIZE; others: an arena that threads share */
	ARENA_MMAPPED, /* blocks with a mapping of their own, all of them together */
	ARENA_FAST,    /* memtrace's own allocator */
};

/* Blocks that keep free memory from going back: a heap's or a span's last ones, or those above a top. */
struct arena_pin {
	uint64_t address, size;   /* of the block; of the first one where there are several */
	uint64_t n_blocks, bytes; /* all blocks that have to go, this one included */
	uint64_t holds;      /* resident free bytes that could go back if these blocks were freed */
	uint64_t start, end; /* the memory that is held */
};

struct arena {
	enum arenas_allocator allocator;
	enum arena_kind kind;
	uint32_t id; /* counted from 0 in the allocator's order */
	uint64_t address;
	uint64_t n_heaps;
	uint64_t system, peak_system;
	uint64_t in_use, in_use_blocks;
	uint64_t free, free_blocks; /* top and caches included */
	uint64_t cached;            /* part of free: caches of threads, fast bins */
	uint64_t fast;              /* part of cached: glibc's fast bins */
	uint64_t largest_free;      /* the largest free block that is not the top */
	uint64_t unread;            /* part of in_use: bytes whose blocks could not be made out */
	uint64_t top;               /* part of free: the unused end of the arena */
	uint64_t metadata;
	/* resident parts of the above, so that they add up to the resident bytes of the arena's memory */
	uint64_t resident, in_use_resident, free_resident, metadata_resident;
	uint64_t
		trimmable; /* resident bytes that malloc_trim(0), or what corresponds, would give back */
	uint32_t *tids; /* threads that allocate from it; owned */
	size_t n_tids;
	struct arena_pin *pins; /* what holds most first; owned */
	size_t n_pins;
};

/* Addresses that belong to an arena: parts of mappings, or several of them. */
struct arena_range {
	uint64_t start, end;
	uint32_t arena; /* index in arenas */
	/* resident bytes in it */
	uint64_t in_use_resident, free_resident, metadata_resident;
};

struct arenas {
	struct arena *arenas;
	size_t n_arenas;
	struct arena_range *ranges; /* by address, not overlapping */
	size_t n_ranges;
	/* glibc; ARENAS_UNKNOWN elsewhere */
	uint64_t mmap_threshold, trim_threshold, n_mmaps;
	struct arena_sizes sizes; /* of all arenas together; empty if the blocks were not walked */
	bool fixed_thresholds;    /* they were set, and do not follow what the program frees */
	bool unused;              /* the program's allocator is there, and was never called */
	/* of the process, so that it could be read; not kept in session files */
	uint64_t n_stops, longest_stop_ns;
	char *refused; /* a sentence: an allocator is there that could not be read, and why; NULL */
};

/* Whether a block's memory is in the program's hands. */
enum arenas_block_state { ARENAS_IN_USE, ARENAS_FREE };

struct arenas_block {
	uint64_t address, size; /* what the program sees: usable bytes */
	enum arenas_block_state state;
	uint32_t arena;
};

/* Called for each block in order of address within a range; nonzero stops the walk and is returned. */
typedef int (*arenas_visit)(const struct arenas_block *block, void *userdata);

void arenas_deinit(struct arenas *arenas);
/* For those on the heap. */
struct arenas *arenas_free(struct arenas *arenas);
DEFINE_CLEANUP(struct arenas *, arenas_free)

/* New, zeroed entries at the end; NULL if there is no memory. */
struct arena *arenas_add(struct arenas *arenas);
struct arena_range *arenas_add_range(struct arenas *arenas);
/* Has an arena's resident bytes be those of its ranges. */
void arenas_sum_ranges(struct arenas *arenas, uint32_t arena);
/* Puts ranges in order. */
void arenas_sort(struct arenas *arenas);

/*
 * Whether a reading with that much unread is good enough. Of a large arena that the program works on there is always a
 * block or two that changed between two windows; reading a gigabyte again would find another two.
 */
bool arena_is_read(const struct arena *arena);

const char *arenas_allocator_name(enum arenas_allocator allocator);
/* What gives back an arena's trimmable bytes: "malloc_trim(0)". */
const char *arenas_trim_name(enum arenas_allocator allocator);
/* Its own word for what blocks share pages in: "slabs". */
const char *arenas_shared_name(enum arenas_allocator allocator);
const char *arena_kind_name(enum arena_kind kind);

#endif
