/* SPDX-License-Identifier: MIT */
/*
 * top-tree.c: who called whom on the way to what is outstanding, from the start of the program in or from
 * the allocation outward. A node is named by the hash of its path, so that what was unfolded stays so
 * when the figures change. Where much of it comes from is unfolded of itself.
 */
#include <string.h>

#include "base/units.h"
#include "cli/screen.h"
#include "cli/top.h"
#include "render/calltree.h"

enum { INDENT_MAX = 60 };

struct walk {
	struct top *top;
	struct top_lines *lines;
	const struct calltree *tree;
};

static uint64_t path_of(uint64_t parent, const struct calltree_node *node)
{
	return (parent * 0x9e3779b97f4a7c15ull) ^ map_hash_bytes(node->name, strlen(node->name));
}

/* Unfolded: what a quarter of all comes through; unless it was changed by hand. */
static bool is_open(const struct walk *walk, const struct calltree_node *node, uint64_t path)
{
	const struct calltree_node *nodes = walk->tree->nodes;
	const bool heavy = node->live_bytes * 4 >= nodes[0].live_bytes;

	return heavy != (map_find(&walk->top->expanded, path) != NULL);
}

static void draw_node(const struct walk *walk, const struct calltree_node *node, uint64_t path,
		      bool open)
{
	const uint64_t whole = walk->tree->nodes[0].live_bytes;
	const bool utf8 = walk->top->options.utf8;
	char bytes[UNITS_MAX];

	top_lines_begin(walk->lines, path);
	top_lines_add_cell(walk->lines, TOP_STRONG, units_format_bytes(node->live_bytes, bytes), 11,
			   true);
	top_lines_add(walk->lines, TOP_DIM, " %5.1f %%  ",
		      whole ? 100.0 * (double)node->live_bytes / (double)whole : 0.0);
	top_lines_add(walk->lines, TOP_PLAIN, "%*s%s %s",
		      (int)MIN(node->depth * 2, (uint32_t)INDENT_MAX), "",
		      node->child == CALLTREE_NONE ? " "
		      : open                       ? (utf8 ? "▾" : "-")
						   : (utf8 ? "▸" : "+"),
		      node->name);
}

/* Below this share of all a node is not worth a line. */
static bool is_worth_it(const struct walk *walk, const struct calltree_node *node)
{
	return node->live_bytes > 0 && node->live_bytes >= walk->tree->nodes[0].live_bytes / 2000;
}

static void draw_children(const struct walk *walk, const struct calltree_node *parent,
			  uint64_t parent_path)
{
	const struct calltree_node *nodes = walk->tree->nodes;

	/* as deep as a stack, which is bounded by what is recorded */
	for (uint32_t i = parent->child; i != CALLTREE_NONE; i = nodes[i].next) {
		const uint64_t path = path_of(parent_path, &nodes[i]);
		const bool open = is_open(walk, &nodes[i], path);

		if (!is_worth_it(walk, &nodes[i]))
			break;
		draw_node(walk, &nodes[i], path, open);
		if (open)
			draw_children(walk, &nodes[i], path);
	}
}

static int draw(struct top *top, struct top_lines *lines)
{
	_cleanup_(calltree_deinit) struct calltree tree = {};
	_cleanup_(view_deinit) struct view view = {};
	struct render_options options = top->options;
	struct walk walk = {top, lines, &tree};
	int r;

	options.by = RENDER_BY_SITE;
	r = view_make(top->shot->profile, &options, VIEW_OUTSTANDING, 0, &view);
	if (r >= 0)
		r = calltree_make(top->shot->profile, &options, &view,
				  top->tree_from_allocation ? CALLTREE_FROM_ALLOCATION
							    : CALLTREE_FROM_START,
				  &tree);
	if (r < 0)
		return r;
	top_lines_add_line(lines, TOP_TITLE, "%11s   SHARE  %s", "LIVE",
			   top->tree_from_allocation ? "ALLOCATED BY, CALLED BY (c: from the start)"
						     : "CALLS (c: from the allocation)");
	draw_children(&walk, &tree.nodes[0], 1);
	return 0;
}

static bool press(struct top *top, int key, uint64_t item)
{
	switch (key) {
	case 'c':
		top->tree_from_allocation = !top->tree_from_allocation;
		return true;
	case SCREEN_ENTER:
		break;
	default:
		return false;
	}
	if (item == TOP_NO_ITEM)
		return true;
	if (!map_remove(&top->expanded, item))
		(void)map_set(&top->expanded, item, 1);
	return true;
}

const struct top_view top_tree = {
	.name = "Tree",
	.n_heads = 1,
	.needs_agent = true,
	.draw = draw,
	.press = press,
};
