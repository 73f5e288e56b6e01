/* SPDX-License-Identifier: MIT */
/*
 * fast-heap.h: the tables of memtrace's allocator in another process, copied and checked: where its
 * spans are, what its size classes are, and how much of each lies in caches.
 */
#ifndef PROCESS_FAST_HEAP_H
#define PROCESS_FAST_HEAP_H

#include <stddef.h>
#include <stdint.h>

#include "process/maps.h"
#include "process/memory.h"

enum { FAST_HEAP_CLASSES = 256, FAST_HEAP_TABLES = 4 };

struct fast_class {
	uint32_t size;     /* of a block; 0: there is no such class */
	uint32_t n_blocks; /* in a span */
	uint32_t batch;    /* blocks that move at once between a thread and the central lists */
	double cached;     /* of the blocks without a bit: how many lie in caches, 0 to 1 */
};

/* Free blocks of a class, linked through their first words. */
struct fast_list {
	uint64_t head;
	uint32_t n;     /* blocks, or batches */
	uint32_t batch; /* blocks in a batch; 0: a list of blocks */
	uint32_t class;
};

struct fast_table {
	uint64_t start, end;
};

struct fast_heap {
	uint64_t root, base, used, spans;
	uint32_t n_spans;
	uint32_t tagged; /* class + tagged is the class of the same size with tags */
	struct fast_class classes[FAST_HEAP_CLASSES];
	struct fast_table tables[FAST_HEAP_TABLES]; /* where the metadata is */
	unsigned n_tables;
	struct fast_list *lists; /* owned */
	size_t n_lists;
	uint32_t *tids; /* threads with a cache, where they can be told; owned */
	size_t n_tids;
};

/*
 * 1: read. 0: never used, or not to be read, then ret_refused says why. Or -errno. To be given to
 * fast_heap_deinit in any case.
 */
int fast_heap_read(uint64_t root, const struct maps *maps, struct memory *memory,
		   struct fast_heap *heap, char **ret_refused);
void fast_heap_deinit(struct fast_heap *heap);

struct span;

/* A span that lies at start; nonzero ends the walk and is returned. */
typedef int (*fast_heap_visit)(const struct span *span, uint64_t start, uint64_t size,
			       void *userdata);

/*
 * Calls visit for each span, used or free, that stands as it says: one may be in the middle of a change, and then
 * two may overlap. In no order.
 */
int fast_heap_spans(const struct fast_heap *heap, struct memory *memory, fast_heap_visit visit,
		    void *userdata);

/* Where the blocks begin of a span that lies at start. */
uint64_t fast_heap_first_block(const struct span *span, uint64_t start);

static inline const struct fast_class *fast_heap_class(const struct fast_heap *heap, unsigned class)
{
	return &heap->classes[class % FAST_HEAP_CLASSES];
}

/* The class without its mark for tags. */
static inline unsigned fast_heap_plain(const struct fast_heap *heap, unsigned class)
{
	return (class >= heap->tagged ? class - heap->tagged : class) % FAST_HEAP_CLASSES;
}

#endif
