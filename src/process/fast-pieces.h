/* SPDX-License-Identifier: MIT */
/*
 * fast-pieces.h: the spans of memtrace's allocator in another process, in order of address, with what of
 * them lies in caches.
 */
#ifndef PROCESS_FAST_PIECES_H
#define PROCESS_FAST_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/fast-heap.h"

struct fast_piece {
	uint64_t start, size; /* bytes, whole pages */
	uint64_t blocks;      /* the address of its first block */
	uint64_t
		first; /* small blocks: address of the first one without a bit, 0 if there is none */
	uint16_t n_free;      /* small blocks: those with a bit */
	uint16_t n_cached;    /* those found on lists */
	uint8_t state, class; /* as in published.h */
};

struct fast_pieces {
	struct fast_piece *pieces; /* by address, not overlapping, none empty */
	size_t n_pieces;
	bool followed[FAST_HEAP_CLASSES]; /* all lists of the class were: n_cached is exact */
};

/* All pieces of a heap that is at work, or of a core. 0 or -errno; ret is to be deinitialised either way. */
int fast_pieces_read(const struct fast_heap *heap, struct memory *memory, struct fast_pieces *ret);
void fast_pieces_deinit(struct fast_pieces *pieces);

/* How many blocks of a piece of small blocks lie in caches. */
uint64_t fast_pieces_cached(const struct fast_pieces *pieces, const struct fast_heap *heap,
			    const struct fast_piece *piece);

#endif
