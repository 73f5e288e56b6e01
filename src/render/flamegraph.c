/* SPDX-License-Identifier: MIT */
/*
 * flamegraph.c: the calls that lead to what is outstanding, as an SVG image: widths are bytes, the
 * outermost call is below. Frames that would be thinner than a third of a pixel are left out. Names and
 * figures of every frame are in its tooltip; colours tell the program's own code from libraries'.
 */
#include <errno.h>
#include <string.h>

#include "base/map.h"
#include "base/units.h"
#include "profile/label.h"
#include "render/calltree.h"
#include "render/words.h"

enum {
	WIDTH = 1200,
	ROW = 17,
	MARGIN = 10,
	HEAD = 44,
};
static const double thinnest = 0.3;
static const double column = 6.6; /* of a letter at the size that names have */

struct drawing {
	const struct profile *profile;
	struct calltree tree;
	unsigned height;
	FILE *out;
};

static void drawing_deinit(struct drawing *drawing)
{
	calltree_deinit(&drawing->tree);
}

static void put_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc(*text, out);
		}
	}
}

/* Warm for the program's own code, grey for libc, green for other libraries; the shade is the name's. */
static void put_colour(const struct drawing *drawing, const struct calltree_node *node)
{
	const struct profile *profile = drawing->profile;
	const uint64_t shade = map_hash_bytes(node->name, strlen(node->name)) % 100;
	const struct profile_location *location = &profile->locations[node->location];
	const char *path, *base;

	if (node->depth == 0 || location->module == PROFILE_NO_MODULE) {
		fputs("#c9c4bb", drawing->out);
		return;
	}
	path = profile->modules[location->module].path;
	base = label_base_name(path);
	if (profile->process.exe && strcmp(path, profile->process.exe) == 0)
		fprintf(drawing->out, "hsl(%u,78%%,%u%%)", (unsigned)(18 + 24 * shade / 100),
			(unsigned)(62 + 8 * shade / 100));
	else if (strncmp(base, "libc.", 5) == 0 || strncmp(base, "ld-", 3) == 0 ||
		 strncmp(base, "libstdc++", 9) == 0)
		fprintf(drawing->out, "hsl(%u,18%%,74%%)", (unsigned)(210 + 20 * shade / 100));
	else
		fprintf(drawing->out, "hsl(%u,38%%,%u%%)", (unsigned)(160 + 40 * shade / 100),
			(unsigned)(66 + 8 * shade / 100));
}

static int put_tip(const struct drawing *drawing, const struct calltree_node *node)
{
	const struct profile *profile = drawing->profile;
	const uint64_t whole = drawing->tree.nodes[0].live_bytes;
	_cleanup_(strbuf_deinit) struct strbuf place = {};
	char bytes[UNITS_MAX];

	fputs("<title>", drawing->out);
	put_text(drawing->out, node->name);
	if (node->depth > 0 && label_place(profile, &profile->locations[node->location],
					   &profile->frames[node->frame], &place) >= 0) {
		fputc('\n', drawing->out);
		put_text(drawing->out, strbuf_text(&place));
	}
	if (place.error)
		return place.error;
	fprintf(drawing->out, "\n%s in %llu blocks, %.1f %%</title>",
		units_format_bytes(node->live_bytes, bytes), (unsigned long long)node->live_blocks,
		whole > 0 ? 100.0 * (double)node->live_bytes / (double)whole : 0.0);
	return 0;
}

/* As much of a name as fits, cut at a whole letter. */
static void put_name(const struct drawing *drawing, const char *name, double x, unsigned y,
		     double width)
{
	size_t room = (size_t)((width - 4) / column), length = strlen(name), n = MIN(room, length);
	char cut[256];

	if (width < 3 * column)
		return;
	n = MIN(n, sizeof(cut) - 4);
	while (n > 0 && n < length && ((unsigned char)name[n] & 0xc0) == 0x80)
		n--;
	memcpy(cut, name, n);
	cut[n] = '\0';
	if (n < length && n > 2)
		memcpy(cut + n - 2, "..", 2);
	fprintf(drawing->out, "<text x=\"%.1f\" y=\"%u\">", x + 3, y + 12);
	put_text(drawing->out, cut);
	fputs("</text>", drawing->out);
}

static int put_node(const struct drawing *drawing, const struct calltree_node *node, double x,
		    double width)
{
	const unsigned y = drawing->height - MARGIN - (node->depth + 1) * ROW;
	int r;

	fputs("<g>", drawing->out);
	r = put_tip(drawing, node);
	fprintf(drawing->out,
		"<rect x=\"%.2f\" y=\"%u\" width=\"%.2f\" height=\"%d\" rx=\"1.5\" fill=\"", x, y,
		MAX(width - 0.5, thinnest), ROW - 1);
	put_colour(drawing, node);
	fputs("\"/>", drawing->out);
	put_name(drawing, node->name, x, y, width);
	fputs("</g>\n", drawing->out);
	return r;
}

/* The tree in depth first, without recursion: a stack may be deep. */
static int put_tree(const struct drawing *drawing)
{
	const struct calltree_node *nodes = drawing->tree.nodes;
	_cleanup_free_ double *left = calloc(drawing->tree.deepest + 2, sizeof(*left));
	const double scale =
		nodes[0].live_bytes > 0 ? (WIDTH - 2.0 * MARGIN) / (double)nodes[0].live_bytes : 0;
	uint32_t i = 0;
	int r;

	if (!left)
		return -ENOMEM;
	left[0] = MARGIN;
	while (i != CALLTREE_NONE) {
		const struct calltree_node *node = &nodes[i];
		const double width = scale * (double)node->live_bytes, x = left[node->depth];
		bool drawn = width >= thinnest;

		if (drawn) {
			r = put_node(drawing, node, x, width);
			if (r < 0)
				return r;
		}
		left[node->depth] = x + width;
		left[node->depth + 1] = x;
		i = drawn ? node->child : CALLTREE_NONE;
		for (; i == CALLTREE_NONE && node->depth > 0; node = &nodes[node->parent])
			i = node->next;
	}
	return 0;
}

static int put_head(const struct drawing *drawing)
{
	const struct profile_process *process = &drawing->profile->process;
	_cleanup_(strbuf_deinit) struct strbuf title = {};
	char bytes[UNITS_MAX];

	if (label_add_clean(&title, process->comm ?: "process") < 0)
		return -ENOMEM;
	fprintf(drawing->out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%u\" viewBox=\"0 0 %d %u\">\n"
		"<style>text{font:11px monospace;fill:#241a12} .head{font:15px sans-serif} "
		"rect:hover{stroke:#241a12}</style>\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#fbfaf8\"/>\n"
		"<text class=\"head\" x=\"%d\" y=\"27\">",
		WIDTH, drawing->height, WIDTH, drawing->height, MARGIN);
	put_text(drawing->out, strbuf_text(&title));
	fprintf(drawing->out, " (pid %u): %s outstanding, by who allocated it</text>\n",
		process->pid, units_format_bytes(drawing->tree.nodes[0].live_bytes, bytes));
	return 0;
}

int render_flamegraph(const struct profile *profile, const struct render_options *options,
		      FILE *out)
{
	_cleanup_(drawing_deinit) struct drawing drawing = {.profile = profile, .out = out};
	_cleanup_(view_deinit) struct view view = {};
	int r = view_make(profile, options, VIEW_OUTSTANDING, 0, &view);

	if (r < 0)
		return r;
	r = calltree_make(profile, options, &view, CALLTREE_FROM_START, &drawing.tree);
	if (r < 0)
		return r;
	drawing.height = HEAD + (drawing.tree.deepest + 1) * ROW + 2 * MARGIN;
	r = put_head(&drawing);
	if (r >= 0)
		r = put_tree(&drawing);
	if (r < 0)
		return r;
	fputs("</svg>\n", out);
	return words_finish(out);
}
