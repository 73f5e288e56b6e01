/* SPDX-License-Identifier: MIT */
/*
 * What ms_print and massif-visualizer read: live bytes over time, and the tree of callers of the last moment,
 * from the allocation outward. A snapshot is a moment of the course, without a tree; the last one is the
 * profile itself. Memory is that of malloc, as massif has it: mappings beside it are left out.
 *
 *	n2: 3000 (heap allocation functions) …     two callers, 3,000 bytes
 *	 n0: 2000 0x401136: make_node (list.c:42)
 *	 n1: 1000 0x401170: xmalloc (util.c:7)
 *	  n0: 1000 0x4011a2: main (main.c:10)
 */
#include <inttypes.h>
#include <math.h>

#include "profile/label.h"
#include "render/calltree.h"
#include "render/words.h"

struct massif {
	const struct profile *profile;
	struct calltree tree;
	struct strbuf line;
	unsigned n_snapshots;
	double last_ms;
	FILE *out;
};

static void massif_deinit(struct massif *massif)
{
	calltree_deinit(&massif->tree);
	strbuf_deinit(&massif->line);
}

/* What begins a comment in this form may be in names: of closures, of paths. */
static void put_line(struct massif *massif)
{
	for (size_t i = 0; i < massif->line.length; i++)
		if (massif->line.text[i] == '#')
			massif->line.text[i] = '~';
	fprintf(massif->out, "%s\n", strbuf_text(&massif->line));
	strbuf_reset(&massif->line);
}

static void put_head(struct massif *massif)
{
	char **command = massif->profile->process.cmdline;

	strbuf_adds(&massif->line, "cmd: ");
	if (command && command[0])
		words_add_command(&massif->line, command);
	else
		label_add_clean(&massif->line, massif->profile->process.comm ?: "?");
	fputs("desc: memtrace\n", massif->out);
	put_line(massif);
	fputs("time_unit: ms\n", massif->out);
}

/* at: seconds since the epoch; what was noted out of order counts as the moment before. */
static void put_snapshot(struct massif *massif, double at, uint64_t live, const char *tree)
{
	const double ms = (at - massif->profile->process.started_at) * 1000;

	massif->last_ms = fmax(massif->last_ms, ms);
	fprintf(massif->out,
		"#-----------\nsnapshot=%u\n#-----------\ntime=%.0f\nmem_heap_B=%" PRIu64
		"\nmem_heap_extra_B=0\nmem_stacks_B=0\nheap_tree=%s\n",
		massif->n_snapshots++, massif->last_ms, live, tree);
}

static unsigned count_children(const struct calltree *tree, const struct calltree_node *node)
{
	unsigned n = 0;

	for (uint32_t c = node->child; c != CALLTREE_NONE; c = tree->nodes[c].next)
		n++;
	return n;
}

static int add_call(struct massif *massif, const struct calltree_node *node)
{
	const struct profile *profile = massif->profile;
	const struct profile_location *location = &profile->locations[node->location];
	int r;

	strbuf_addf(&massif->line, "0x%" PRIx64 ": ", location->address);
	r = label_add_clean(&massif->line, node->name);
	strbuf_adds(&massif->line, " (");
	if (r >= 0)
		r = label_place(profile, location, &profile->frames[node->frame], &massif->line);
	strbuf_addc(&massif->line, ')');
	return r;
}

/* The nodes stand before what is below them, each with a space for each level. */
static int put_tree(struct massif *massif)
{
	const struct calltree *tree = &massif->tree;
	uint32_t at = 0;
	int r = 0;

	while (at != CALLTREE_NONE && r >= 0) {
		const struct calltree_node *node = &tree->nodes[at];

		strbuf_addf(&massif->line, "%*sn%u: %" PRIu64 " ", (int)node->depth, "",
			    count_children(tree, node), node->live_bytes);
		if (at == 0)
			strbuf_adds(
				&massif->line,
				"(heap allocation functions) malloc/new/new[], --alloc-fns, etc.");
		else
			r = add_call(massif, node);
		put_line(massif);
		if (node->child != CALLTREE_NONE) {
			at = node->child;
			continue;
		}
		while (at != CALLTREE_NONE && tree->nodes[at].next == CALLTREE_NONE)
			at = tree->nodes[at].parent;
		if (at != CALLTREE_NONE)
			at = tree->nodes[at].next;
	}
	return r;
}

static void leave_out_mappings(const struct profile *profile, struct view *view)
{
	size_t n = 0;

	for (size_t i = 0; i < view->n_rows; i++)
		if (profile->sites[view->rows[i].site].kind != MT_SITE_MMAP)
			view->rows[n++] = view->rows[i];
	view->n_rows = n;
}

static int put_snapshots(struct massif *massif)
{
	const struct profile *profile = massif->profile;
	const double end = profile->process.captured_at;
	uint64_t highest = 0;

	put_snapshot(massif, profile->process.started_at, 0, "empty");
	for (size_t i = 0; i < profile->n_moments; i++) {
		const struct profile_moment *moment = &profile->moments[i];

		if (moment->live == PROFILE_UNKNOWN || moment->at >= end)
			continue;
		highest = MAX(highest, moment->live);
		put_snapshot(massif, moment->at, moment->live, "empty");
	}
	put_snapshot(massif, end, massif->tree.nodes[0].live_bytes,
		     massif->tree.nodes[0].live_bytes >= highest ? "peak" : "detailed");
	return put_tree(massif);
}

int render_massif(const struct profile *profile, const struct render_options *options, FILE *out)
{
	_cleanup_(massif_deinit) struct massif massif = {.profile = profile, .out = out};
	_cleanup_(view_deinit) struct view view = {};
	int r = view_make(profile, options, VIEW_OUTSTANDING, 0, &view);

	if (r < 0)
		return r;
	leave_out_mappings(profile, &view);
	r = calltree_make(profile, options, &view, CALLTREE_FROM_ALLOCATION, &massif.tree);
	if (r < 0)
		return r;
	put_head(&massif);
	r = put_snapshots(&massif);
	if (r >= 0)
		r = massif.line.error;
	return r < 0 ? r : words_finish(out);
}
