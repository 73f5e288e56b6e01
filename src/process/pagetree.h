/* SPDX-License-Identifier: MIT */
/*
 * pagetree.h: a tree of two levels from the number of a page to what an allocator knows of the
 * range of pages that it is in, as jemalloc and tcmalloc have one each. The root is in static data
 * and is found without its name.
 */
#ifndef PROCESS_PAGETREE_H
#define PROCESS_PAGETREE_H

#include <stdint.h>

#include "process/pagecache.h"
#include "process/space.h"
#include "process/window.h"

struct pagetree_range {
	uint64_t start, size; /* whole pages */
};

/* What is different in each. */
struct pagetree_form {
	const char *library; /* see statics.h */
	unsigned page_shift; /* a leaf is for 2^18 pages, the root for 2^17 leaves */
	unsigned alignment;  /* of leaves */
	/*
	 * 1: the entry leads to a range, of which the owner keeps what it needs. 0: it is empty.
	 * -EBADMSG: it leads nowhere.
	 */
	int (*read)(void *owner, uint64_t entry, struct pagetree_range *ret);
	/* Of the range that was read last, in order of address; nonzero ends the walk and is returned. */
	int (*visit)(void *owner);
};

struct pagetree {
	const struct pagetree_form *form;
	void *owner;
	const struct space *space; /* the caller's */
	struct pagecache cache;    /* for the owner, too */
	struct window window;
	uint64_t root;
	/* of the last walk: ranges, and entries that led to none that begins there */
	uint64_t n_ranges, torn;
};

/* -ENOMEM; the space has to outlive it. */
int pagetree_init(struct pagetree *tree, const struct pagetree_form *form, void *owner,
		  const struct space *space);
void pagetree_deinit(struct pagetree *tree);

/* Finds the root. -EBADMSG: there is none. */
int pagetree_find(struct pagetree *tree);
/* Everything is read anew. -EAGAIN: more was torn than a process at work explains. */
int pagetree_walk(struct pagetree *tree);

#endif
