/* SPDX-License-Identifier: MIT */
/*
 * glibc-caches.h: freed chunks that look as if they were in use, because they wait in a fast bin or in
 * a thread's cache.
 */
#ifndef PROCESS_GLIBC_CACHES_H
#define PROCESS_GLIBC_CACHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/glibc-state.h"

enum glibc_cached { GLIBC_CACHED_FAST, GLIBC_CACHED_THREAD, GLIBC_CACHED_TABLE };

/* Chunk addresses, the kind in the lowest bits; in order after glibc_caches_sort. */
struct glibc_caches {
	uint64_t *entries; /* owned */
	size_t n_entries;
	size_t n_damaged; /* lists that could not be followed to their end */
};

void glibc_caches_deinit(struct glibc_caches *caches);

/* Adds the chunks in an arena's fast bins. */
int glibc_caches_add_fastbins(struct glibc_caches *caches, struct memory *memory,
			      const struct glibc_state *state);
/*
 * Adds the blocks in a thread's cache, and the cache itself as GLIBC_CACHED_TABLE. Returns 1 if address
 * was such a table, 0 if not.
 */
int glibc_caches_add_table(struct glibc_caches *caches, struct memory *memory, uint64_t address);
/* One entry: an address with its kind. */
int glibc_caches_add(struct glibc_caches *caches, uint64_t entry);
/* Whether a chunk's size, flags masked, is that of such a table. */
bool glibc_caches_is_table_size(uint64_t size);

void glibc_caches_sort(struct glibc_caches *caches);
/* The first entry at or above address; the caller goes on from there. */
size_t glibc_caches_find(const struct glibc_caches *caches, uint64_t address);

static inline uint64_t glibc_cached_address(uint64_t entry)
{
	return entry & ~(uint64_t)15;
}

static inline enum glibc_cached glibc_cached_kind(uint64_t entry)
{
	return (enum glibc_cached)(entry & 15);
}

#endif
