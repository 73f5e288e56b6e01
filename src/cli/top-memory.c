/* SPDX-License-Identifier: MIT */
/*
 * top-memory.c: the views that need no agent: the ledger, the arenas, the mappings.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "cli/top.h"
#include "profile/label.h"

enum { BAR = 30, BAR_NARROW = 10 };

static int explain_no_maps(struct top_lines *lines)
{
	return top_lines_add_line(lines, TOP_DIM, "  the process's mappings could not be read");
}

static void add_cell(struct top_lines *lines, enum top_style style, uint64_t bytes, int columns)
{
	char text[UNITS_MAX];

	top_lines_add_cell(lines, style,
			   bytes == PROFILE_UNKNOWN ? "" : units_format_bytes(bytes, text),
			   (size_t)columns, true);
}

static void add_bytes(struct top_lines *lines, enum top_style style, uint64_t bytes)
{
	add_cell(lines, style, bytes, 12);
}

/* ---- ledger ---- */

struct line {
	enum ledger_owner owner;
	uint64_t resident;
};

static int compare_lines(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->resident != y->resident)
		return x->resident < y->resident ? 1 : -1;
	return (int)x->owner - (int)y->owner;
}

static int draw_ledger(struct top *top, struct top_lines *lines)
{
	const struct ledger *ledger = &top->shot->ledger;
	const uint64_t *was = top->baseline.has_ledger ? top->baseline.resident : NULL;
	/* what is only reserved gives way to the names */
	const bool is_narrow = top->options.width < TOP_NARROW;
	const unsigned bar = is_narrow ? BAR_NARROW : BAR;
	struct line sorted[LEDGER_N_OWNERS];
	char bytes[UNITS_MAX + 2];

	if (!top->shot->has_ledger)
		return explain_no_maps(lines);
	for (unsigned i = 0; i < LEDGER_N_OWNERS; i++)
		sorted[i] = (struct line){(enum ledger_owner)i, ledger->lines[i].resident};
	qsort(sorted, LEDGER_N_OWNERS, sizeof(*sorted), compare_lines);
	top_lines_add_line(lines, TOP_TITLE, "%12s%12s%*s   %-*s  %s", was ? "SINCE" : "RESIDENT",
			   "SWAPPED", is_narrow ? 0 : 12, is_narrow ? "" : "RESERVED", (int)bar,
			   "OF ALL", "WHAT");
	for (unsigned i = 0; i < LEDGER_N_OWNERS; i++) {
		const struct ledger_line *line = &ledger->lines[sorted[i].owner];
		const uint64_t before = was ? was[sorted[i].owner] : 0;

		if (line->virtual == 0 && before == 0 && sorted[i].owner != LEDGER_UNEXPLAINED)
			continue;
		top_lines_begin(lines, TOP_NO_ITEM);
		top_lines_add_cell(lines, TOP_STRONG,
				   top_format_bytes(top, (int64_t)(line->resident - before), bytes),
				   12, true);
		add_bytes(lines, TOP_PLAIN, line->swapped);
		if (!is_narrow)
			add_bytes(lines, TOP_PLAIN, line->virtual);
		top_lines_add(lines, TOP_PLAIN, "   ");
		top_add_bar(top, lines, (enum top_style)(TOP_BAR_1 + i % 5), bar, line->resident,
			    ledger->rss);
		top_lines_add(lines, TOP_PLAIN, "  %s", ledger_owner_label(sorted[i].owner));
	}
	top_lines_begin(lines, TOP_NO_ITEM);
	add_bytes(lines, TOP_STRONG, ledger->rss);
	add_bytes(lines, TOP_PLAIN, ledger->swap);
	if (!is_narrow)
		add_bytes(lines, TOP_PLAIN, ledger->vsz);
	return top_lines_add(lines, TOP_STRONG, "   %-*s  all of it", (int)bar, "");
}

const struct top_view top_ledger = {
	.name = "Ledger", .n_heads = 1, .needs_shots = true, .draw = draw_ledger};

/* ---- arenas ---- */

static const struct arena *arena_at(const struct top *top, uint64_t item)
{
	const struct arenas *arenas = top->shot->profile->arenas;

	return arenas && item < arenas->n_arenas ? &arenas->arenas[item] : NULL;
}

static int draw_arenas(struct top *top, struct top_lines *lines)
{
	const struct arenas *arenas = top->shot->profile->arenas;
	const int w = top->options.width < TOP_NARROW ? 10 : 12;

	top_lines_add_line(lines, TOP_TITLE, "%4s %-10s%-7s%*s%*s%*s%*s%*s%6s", "ID", "ALLOCATOR",
			   "KIND", w, "SYSTEM", w, "IN USE", w, "FREE", w, "RESIDENT", w, "TRIM",
			   "PINS");
	if (!arenas || (arenas->n_arenas == 0 && !arenas->refused))
		return top_lines_add_line(lines, TOP_DIM,
					  "  no allocator was found that can be read");
	for (size_t i = 0; i < arenas->n_arenas; i++) {
		const struct arena *arena = &arenas->arenas[i];

		top_lines_begin(lines, i);
		top_lines_add(lines, TOP_PLAIN, "%4u %-10s%-7s", arena->id,
			      arenas_allocator_name(arena->allocator),
			      arena_kind_name(arena->kind));
		add_cell(lines, TOP_PLAIN, arena->system, w);
		add_cell(lines, TOP_PLAIN, arena->in_use, w);
		add_cell(lines, TOP_PLAIN, arena->free, w);
		add_cell(lines, TOP_STRONG, arena->free_resident, w);
		add_cell(lines, TOP_PLAIN, arena->trimmable, w);
		top_lines_add(lines, TOP_PLAIN, "%6zu", arena->n_pins);
	}
	if (arenas->refused)
		top_lines_add_line(lines, TOP_BAD, "  %s", arenas->refused);
	return 0;
}

static int draw_arena(struct top *top, uint64_t item, struct top_lines *lines)
{
	const struct arena *arena = arena_at(top, item);
	char bytes[UNITS_MAX], holds[UNITS_MAX];

	if (!arena)
		return top_lines_add_line(lines, TOP_DIM, "  that arena is not there any more");
	top_lines_add_line(lines, TOP_STRONG, "  arena %u of %s at 0x%llx, %llu heaps, %zu threads",
			   arena->id, arenas_allocator_name(arena->allocator),
			   (unsigned long long)arena->address, (unsigned long long)arena->n_heaps,
			   arena->n_tids);
	top_lines_add_gap(lines);
	if (arena->n_pins == 0)
		return top_lines_add_line(lines, TOP_DIM, "  nothing in it keeps free memory");
	top_lines_add_line(lines, TOP_TITLE, "%14s%12s%10s  %s", "KEEPS", "FOR", "BLOCKS", "AT");
	for (size_t i = 0; i < arena->n_pins; i++) {
		const struct arena_pin *pin = &arena->pins[i];

		top_lines_add_line(lines, TOP_PLAIN, "%14s%12s%10llu  0x%llx",
				   units_format_bytes(pin->holds, holds),
				   units_format_bytes(pin->bytes, bytes),
				   (unsigned long long)pin->n_blocks,
				   (unsigned long long)pin->address);
	}
	return 0;
}

const struct top_view top_arenas = {.name = "Arenas",
				    .n_heads = 1,
				    .needs_shots = true,
				    .draw = draw_arenas,
				    .draw_detail = draw_arena};

/* ---- mappings ---- */

static int compare_mappings(const void *a, const void *b)
{
	const struct ledger_mapping *x = *(struct ledger_mapping *const *)a,
				    *y = *(struct ledger_mapping *const *)b;

	if (x->mapping->rss != y->mapping->rss)
		return x->mapping->rss < y->mapping->rss ? 1 : -1;
	return x->mapping->start < y->mapping->start ? -1 : 1;
}

static bool is_filtered_out(const struct top *top, const struct ledger_mapping *mapping)
{
	return top->options.grep && regexec(&top->grep, mapping->mapping->path, 0, NULL, 0) != 0 &&
	       regexec(&top->grep, mapping->label, 0, NULL, 0) != 0 &&
	       regexec(&top->grep, ledger_owner_label(mapping->owner), 0, NULL, 0) != 0;
}

static int draw_maps(struct top *top, struct top_lines *lines)
{
	const struct ledger *ledger = &top->shot->ledger;
	_cleanup_free_ const struct ledger_mapping **sorted = NULL;
	const size_t n = top->shot->has_ledger ? ledger->maps.n_mappings : 0;

	if (!top->shot->has_ledger)
		return explain_no_maps(lines);
	sorted = calloc(n + 1, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		sorted[i] = &ledger->mappings[i];
	qsort(sorted, n, sizeof(*sorted), compare_mappings);
	top_lines_add_line(lines, TOP_TITLE, "%11s%11s%11s  %-4s %12s  %s", "RESIDENT", "DIRTY",
			   "SIZE", "PERM", "ADDRESS", "WHAT");
	for (size_t i = 0; i < n; i++) {
		const struct mapping *m = sorted[i]->mapping;
		_cleanup_(strbuf_deinit) struct strbuf path = {};

		if (is_filtered_out(top, sorted[i]))
			continue;
		label_add_clean(&path, sorted[i]->label[0] ? sorted[i]->label : m->path);
		top_lines_begin(lines, TOP_NO_ITEM);
		add_cell(lines, TOP_STRONG, m->rss, 11);
		add_cell(lines, TOP_PLAIN, m->private_dirty, 11);
		add_cell(lines, TOP_PLAIN, m->end - m->start, 11);
		top_lines_add(lines, TOP_DIM, "  %c%c%c%c %12llx  ", m->read ? 'r' : '-',
			      m->write ? 'w' : '-', m->exec ? 'x' : '-', m->shared ? 's' : 'p',
			      (unsigned long long)m->start);
		top_lines_add(lines, TOP_PLAIN, "%s",
			      path.length ? strbuf_text(&path)
					  : ledger_owner_label(sorted[i]->owner));
	}
	return 0;
}

const struct top_view top_maps = {
	.name = "Maps", .n_heads = 1, .needs_shots = true, .draw = draw_maps};
