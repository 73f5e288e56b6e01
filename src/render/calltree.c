/* SPDX-License-Identifier: MIT */
/*
 * calltree.c: a child is found by its parent's number and its name, which is the same pointer for the
 * same text; both fit the key of a map through the number that a name gets when it is met first.
 */
#include "render/calltree.h"

#include <errno.h>
#include <stdlib.h>

#include "base/grow.h"
#include "base/map.h"
#include "profile/label.h"

/* What a call is named in the tree. */
struct name {
	const char *text; /* in the tree's names; NULL: not asked yet */
	uint32_t number;
};

/* The i-th frame of a site's stack counted from the allocation, inlined ones too. */
struct call {
	uint32_t location, frame;
};

struct builder {
	const struct profile *profile;
	struct calltree tree;
	struct map name_numbers; /* pointer in names: number */
	struct map children;     /* parent << 32 | name's number: node */
	struct name *of_frames;  /* by frame: a name is looked up once, not in each stack */
	struct call *calls;      /* of the site that is being added */
	size_t n_calls;
};

void calltree_deinit(struct calltree *tree)
{
	free(tree->nodes);
	string_pool_free(tree->names);
	*tree = (struct calltree){};
}

static void builder_deinit(struct builder *builder)
{
	calltree_deinit(&builder->tree);
	map_deinit(&builder->name_numbers);
	map_deinit(&builder->children);
	free(builder->of_frames);
	free(builder->calls);
}

static int add_node(struct builder *builder, const struct calltree_node *node)
{
	struct calltree *tree = &builder->tree;

	if (tree->n_nodes >= CALLTREE_NONE || GROW(tree->nodes, tree->n_nodes) < 0)
		return -ENOMEM;
	tree->nodes[tree->n_nodes] = *node;
	tree->n_nodes++;
	return 0;
}

static int find_name(struct builder *builder, uint32_t location, uint32_t frame, struct name *ret)
{
	const struct profile *profile = builder->profile;
	struct calltree *tree = &builder->tree;
	_cleanup_(strbuf_deinit) struct strbuf text = {};
	uint64_t *number;
	int r;

	*ret = builder->of_frames[frame];
	if (ret->text)
		return 0;
	r = label_function(profile, &profile->locations[location], &profile->frames[frame], &text);
	ret->text = r < 0 ? NULL : string_pool_add(tree->names, strbuf_text(&text));
	if (!ret->text || map_add(&builder->name_numbers, (uintptr_t)ret->text,
				  string_pool_count(tree->names), &number) < 0)
		return -ENOMEM;
	ret->number = (uint32_t)*number;
	/* a frame without a name is called by its address, and may be that of several locations */
	if (profile->frames[frame].function)
		builder->of_frames[frame] = *ret;
	return 0;
}

/* The child of parent for a call; made if it is not there. */
static int step(struct builder *builder, uint32_t parent, uint32_t location, uint32_t frame,
		uint32_t *ret)
{
	struct calltree *tree = &builder->tree;
	struct name name;
	uint64_t *place;
	int r;

	r = find_name(builder, location, frame, &name);
	if (r < 0)
		return r;
	r = map_add(&builder->children, (uint64_t)parent << 32 | name.number, tree->n_nodes,
		    &place);
	if (r < 0)
		return r;
	*ret = (uint32_t)*place;
	if (r == 0)
		return 0;
	r = add_node(builder, &(struct calltree_node){
				      .name = name.text,
				      .location = location,
				      .frame = frame,
				      .parent = parent,
				      .child = CALLTREE_NONE,
				      .next = tree->nodes[parent].child,
				      .depth = tree->nodes[parent].depth + 1,
			      });
	if (r < 0)
		return r;
	tree->nodes[parent].child = *ret;
	tree->deepest = MAX(tree->deepest, tree->nodes[*ret].depth);
	return 0;
}

static void count(struct calltree_node *node, const struct view_row *row)
{
	node->live_bytes += row->live_bytes;
	node->live_blocks += row->live_blocks;
}

/* The stack of a site, at most options->depth frames of it, into builder->calls. */
static int find_calls(struct builder *builder, const struct render_options *options,
		      const struct profile_site *site)
{
	const struct profile *profile = builder->profile;

	builder->n_calls = 0;
	for (uint32_t i = 0; i < site->n_locations; i++) {
		uint32_t location = profile->location_refs[site->first_location + i];
		const struct profile_location *at = &profile->locations[location];

		for (uint32_t f = 0; f < at->n_frames; f++) {
			if (options->depth > 0 && builder->n_calls >= options->depth)
				return 0;
			if (GROW(builder->calls, builder->n_calls) < 0)
				return -ENOMEM;
			builder->calls[builder->n_calls++] =
				(struct call){location, at->first_frame + f};
		}
	}
	return 0;
}

static int add_row(struct builder *builder, const struct render_options *options,
		   const struct view_row *row, enum calltree_from from)
{
	int r = find_calls(builder, options, &builder->profile->sites[row->site]);
	const size_t n = builder->n_calls;
	uint32_t node = 0;

	if (r < 0)
		return r;
	count(&builder->tree.nodes[0], row);
	for (size_t i = 0; i < n; i++) {
		const struct call *call =
			&builder->calls[from == CALLTREE_FROM_START ? n - 1 - i : i];

		r = step(builder, node, call->location, call->frame, &node);
		if (r < 0)
			return r;
		count(&builder->tree.nodes[node], row);
	}
	return 0;
}

static int compare_children(const void *a, const void *b, void *data)
{
	const struct calltree_node *nodes = data, *x = &nodes[*(const uint32_t *)a],
				   *y = &nodes[*(const uint32_t *)b];

	if (x->live_bytes != y->live_bytes)
		return x->live_bytes < y->live_bytes ? 1 : -1;
	return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

/* Puts each node's children in order. */
static int order_children(struct calltree *tree)
{
	_cleanup_free_ uint32_t *order = calloc(tree->n_nodes, sizeof(*order));
	size_t n;

	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < tree->n_nodes; i++) {
		uint32_t *link = &tree->nodes[i].child;

		n = 0;
		for (uint32_t c = *link; c != CALLTREE_NONE; c = tree->nodes[c].next)
			order[n++] = c;
		qsort_r(order, n, sizeof(*order), compare_children, tree->nodes);
		for (size_t c = 0; c < n; c++) {
			*link = order[c];
			link = &tree->nodes[order[c]].next;
		}
		*link = CALLTREE_NONE;
	}
	return 0;
}

int calltree_make(const struct profile *profile, const struct render_options *options,
		  const struct view *view, enum calltree_from from, struct calltree *ret)
{
	_cleanup_(builder_deinit) struct builder builder = {
		.profile = profile,
		.tree = {.names = string_pool_new()},
		.of_frames = calloc(profile->n_frames + 1, sizeof(struct name)),
	};
	int r;

	if (!builder.tree.names || !builder.of_frames)
		return -ENOMEM;
	r = add_node(&builder, &(struct calltree_node){.name = "all",
						       .parent = CALLTREE_NONE,
						       .child = CALLTREE_NONE,
						       .next = CALLTREE_NONE});
	for (size_t i = 0; r >= 0 && i < view->n_rows; i++)
		r = add_row(&builder, options, &view->rows[i], from);
	if (r < 0)
		return r;
	r = order_children(&builder.tree);
	if (r < 0)
		return r;
	*ret = builder.tree;
	builder.tree = (struct calltree){};
	return 0;
}
