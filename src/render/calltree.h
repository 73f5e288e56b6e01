/* SPDX-License-Identifier: MIT */
/*
 * calltree.h: the stacks in view put together from one end: each node is a call reached in one way, and
 * its figures are the sums over all sites below it. From the outermost call in, that is a flame graph;
 * from the allocation outward, the tree of callers.
 */
#ifndef RENDER_CALLTREE_H
#define RENDER_CALLTREE_H

#include "render/view.h"

#define CALLTREE_NONE UINT32_MAX

struct calltree_node {
	const char *name;         /* of the function, as label_function says; owned by the tree */
	uint32_t location, frame; /* of one of the calls that are here */
	uint32_t parent, child, next; /* nodes; children by live bytes, most first */
	uint32_t depth;               /* the root's is 0 */
	uint64_t live_bytes, live_blocks;
};

/* Node 0 is the root, which is no call. */
struct calltree {
	struct calltree_node *nodes;
	size_t n_nodes;
	uint32_t deepest; /* depth */
	struct string_pool *names;
};

enum calltree_from { CALLTREE_FROM_START, CALLTREE_FROM_ALLOCATION };

/* Of the rows in view; options->depth bounds the frames of a stack, counted from the allocation. */
int calltree_make(const struct profile *profile, const struct render_options *options,
		  const struct view *view, enum calltree_from from, struct calltree *ret);
void calltree_deinit(struct calltree *tree);

#endif
