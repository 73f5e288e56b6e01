/* SPDX-License-Identifier: MIT */
/*
 * jemalloc-extents.h: the memory that jemalloc 5.3 has, as it keeps it itself: extents, each of whole pages
 * and one use, found by their addresses in a tree. Read from outside, of a living process or a core.
 */
#ifndef PROCESS_JEMALLOC_EXTENTS_H
#define PROCESS_JEMALLOC_EXTENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "process/pagetree.h"
#include "process/space.h"

enum { JEMALLOC_SIZES = 232 }; /* size classes */

enum jemalloc_state {
	JEMALLOC_ACTIVE,   /* handed out: a slab of small blocks, or one large block */
	JEMALLOC_DIRTY,    /* free */
	JEMALLOC_MUZZY,    /* free, and the kernel may take it */
	JEMALLOC_RETAINED, /* free and returned */
};

struct jemalloc_extent {
	uint64_t address, size; /* whole pages */
	uint32_t arena;
	enum jemalloc_state state;
	bool is_slab;
	bool is_huge_page;    /* of the allocator of huge pages, which has more to tell */
	uint32_t size_class;  /* below JEMALLOC_SIZES where it is active */
	uint32_t free_blocks; /* of a slab */
};

/* Nonzero ends the walk and is returned. */
typedef int (*jemalloc_visit)(const struct jemalloc_extent *extent, void *userdata);

struct jemalloc_tree {
	struct pagetree pages;
	struct jemalloc_extent extent; /* read last */
	jemalloc_visit visit;
	void *userdata;
};

/*
 * Finds the tree. -EBADMSG: there is none of a form that is known. The space has to outlive it; it
 * stays where it is.
 */
int jemalloc_tree_open(const struct space *space, struct jemalloc_tree *tree);
void jemalloc_tree_close(struct jemalloc_tree *tree);

/* Visits all extents in order of address. -EAGAIN: they change too fast. */
int jemalloc_tree_walk(struct jemalloc_tree *tree, jemalloc_visit visit, void *userdata);

/* Bytes of a block of a size class. */
uint64_t jemalloc_size(uint32_t size_class);

#endif
