/* SPDX-License-Identifier: MIT */
/*
 * dwarf-walk.c: through the entries of a unit, for functions, and through those of a function, for the calls
 * that were inlined into it.
 *
 * Entries that cannot hold what is looked for are stepped over (dwarf-entry.c); compilers tell each one's end, and
 * so a walk touches little of a unit.
 *
 * The file may be hostile. Steps go forward only, and so every walk ends. Depth and number of ranges are
 * bounded. What is beyond the bounds is not known, that is all.
 */
#include "symbolize/dwarf-walk.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>

#include "base/grow.h"
#include "base/macro.h"

enum {
	MAX_DEPTH = 200,
	MAX_RANGES_DIE = 1 << 16,
	MAX_RANGES_UNIT = 1 << 22,
};

/* One walk. It ends with -EBADMSG where the entries make no sense, or are too many. */
struct walk {
	struct dwarf_unit *unit;
	struct dwarf_function *function; /* whose calls are collected; NULL: functions are */
	bool deep;
	const uint8_t *at; /* of the next entry */
	size_t n_ranges;
};

/* Where the ranges of one entry go. */
struct target {
	struct dwarf_file *file;
	uint64_t rank; /* 0: the narrower range wins */
	uint32_t value;
	uint64_t entry; /* start of the first */
	int n;
};

static int add_range(struct target *target, uint64_t start, uint64_t end)
{
	int r;

	/* what the linker threw away stands at zero, or outside of what is mapped to run */
	if (start == 0 || start >= end || !elffile_is_code(target->file->code, start))
		return 0;
	r = rangemap_add(&target->file->builder, start, end,
			 target->rank ? target->rank : rangemap_rank_narrow(start, end),
			 target->value);
	if (r < 0)
		return r;
	if (target->n++ == 0)
		target->entry = start;
	return 0;
}

/* In whichever way they are told. */
static int add_by_libdw(struct target *target, Dwarf_Die *die)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t offset = 0;
	int steps = 0, r = 0;

	while (r == 0 && steps++ < MAX_RANGES_DIE &&
	       (offset = dwarf_ranges(die, offset, &base, &start, &end)) > 0)
		r = add_range(target, start, end);
	return r;
}

int dwarf_walk_add_unit(struct dwarf_file *file, Dwarf_Die *die, uint32_t value)
{
	struct target target = {.file = file, .value = value};
	int r = add_by_libdw(&target, die);

	return r < 0 ? r : target.n;
}

static int add_list(struct walk *walk, struct target *target, const struct dwarf_entry *entry)
{
	const struct dwarf_unit *unit = walk->unit;
	Dwarf_Die die = dwarf_unit_entry(unit, (void *)entry->start);
	struct dwarf_ranges ranges;
	uint64_t start, end;
	int r = 1, steps = 0;

	dwarf_ranges_init(&ranges, &unit->file->ranges, unit->shapes.version,
			  unit->shapes.address_size, unit->base, entry->low);
	while (steps++ < MAX_RANGES_DIE && (r = dwarf_ranges_next(&ranges, &start, &end)) > 0) {
		r = add_range(target, start, end);
		if (r < 0)
			return r;
	}
	return r == -ENOTSUP ? add_by_libdw(target, &die) : 0;
}

static int add_ranges(struct walk *walk, struct target *target, const struct dwarf_entry *entry)
{
	Dwarf_Die die = dwarf_unit_entry(walk->unit, (void *)entry->start);
	int r = 0;

	/* with split DWARF the lists are told in terms of another file */
	if (entry->code == DWARF_CODE_RANGE)
		r = add_range(target, entry->low, entry->high);
	else if (entry->code == DWARF_CODE_LIST && walk->unit->content.addr == walk->unit->die.addr)
		r = add_list(walk, target, entry);
	else if (entry->code != DWARF_CODE_NONE)
		r = add_by_libdw(target, &die);
	walk->n_ranges += (size_t)target->n;
	return r;
}

/* 1: the next entry, behind which the walk stands; 0: the end of the list. */
static int next(struct walk *walk, struct dwarf_entry *ret)
{
	struct dwarf_shapes *shapes = &walk->unit->shapes;
	int r = walk->n_ranges > MAX_RANGES_UNIT
			? -EBADMSG
			: dwarf_entry_read(shapes, dwarf_entry_pass(shapes, walk->at), ret);

	if (r < 0)
		return r;
	walk->at = ret->behind;
	return ret->tag != 0;
}

static int add_function(struct walk *walk, const struct dwarf_entry *entry)
{
	struct dwarf_unit *unit = walk->unit;
	struct target target = {
		.file = unit->file,
		.value = (uint32_t)unit->n_functions,
	};
	int r = add_ranges(walk, &target, entry);

	if (r < 0 || target.n == 0)
		return r;
	if (GROW(unit->functions, unit->n_functions) < 0)
		return -ENOMEM;
	unit->functions[unit->n_functions++] =
		(struct dwarf_function){.die = (void *)entry->start, .entry = target.entry};
	return 0;
}

/* Sets *ret to the index of the new call. */
static int add_inline(struct walk *walk, const struct dwarf_entry *entry, int parent, int *ret)
{
	struct dwarf_function *function = walk->function;
	struct target target = {
		.file = walk->unit->file,
		/* the deeper of two comes later */
		.rank = function->n_inlines + 1,
		.value = (uint32_t)function->n_inlines,
	};
	int r = add_ranges(walk, &target, entry);

	if (r < 0)
		return r;
	if (GROW(function->inlines, function->n_inlines) < 0)
		return -ENOMEM;
	function->inlines[function->n_inlines] =
		(struct dwarf_inline){.die = (void *)entry->start, .parent = parent};
	*ret = (int)function->n_inlines++;
	return 0;
}

static int walk_functions(struct walk *walk, int depth)
{
	struct dwarf_entry entry;
	int r;

	while ((r = next(walk, &entry)) > 0) {
		bool descend = walk->deep;

		switch (entry.tag) {
		case DW_TAG_subprogram:
			r = add_function(walk, &entry);
			if (r < 0)
				return r;
			break;
		case DW_TAG_namespace:
		case DW_TAG_module:
			descend = true;
			break;
		case DW_TAG_class_type:
		case DW_TAG_structure_type:
		case DW_TAG_union_type:
		case DW_TAG_interface_type:
		case DW_TAG_lexical_block:
			break;
		default:
			descend = false;
		}
		if (!entry.has_children)
			continue;
		r = descend && depth < MAX_DEPTH
			    ? walk_functions(walk, depth + 1)
			    : dwarf_entry_skip(&walk->unit->shapes, &entry, &walk->at);
		if (r < 0)
			return r;
	}
	return r;
}

/* parent is the innermost of n_around inlined calls. */
static int walk_inlines(struct walk *walk, int parent, int n_around, int depth)
{
	struct dwarf_entry entry;
	int r;

	while ((r = next(walk, &entry)) > 0) {
		bool descend = false;
		int around = parent, n = n_around;

		switch (entry.tag) {
		case DW_TAG_inlined_subroutine:
			descend = true;
			/* with the function, as many as can be told */
			if (n == DWARF_MAX_CALLS - 1)
				break;
			r = add_inline(walk, &entry, parent, &around);
			if (r < 0)
				return r;
			n++;
			break;
		case DW_TAG_lexical_block:
		case DW_TAG_try_block:
		case DW_TAG_catch_block:
			descend = true;
			break;
		default:
			break;
		}
		if (!entry.has_children)
			continue;
		r = descend && depth < MAX_DEPTH
			    ? walk_inlines(walk, around, n, depth + 1)
			    : dwarf_entry_skip(&walk->unit->shapes, &entry, &walk->at);
		if (r < 0)
			return r;
	}
	return r;
}

/* The walk through what is in the entry at an address; what was found before a mistake counts. */
static int walk_within(struct walk *walk, const void *address)
{
	struct dwarf_entry entry;
	int r = dwarf_entry_read(&walk->unit->shapes, address, &entry);

	if (r >= 0 && entry.has_children) {
		walk->at = entry.behind;
		r = walk->function ? walk_inlines(walk, DWARF_NO_PARENT, 0, 0)
				   : walk_functions(walk, 0);
	}
	return r == -EBADMSG ? 0 : MIN(r, 0);
}

int dwarf_walk_functions(struct dwarf_unit *unit, bool deep)
{
	struct walk walk = {.unit = unit, .deep = deep};

	return walk_within(&walk, unit->content.addr);
}

int dwarf_walk_inlines(struct dwarf_unit *unit, struct dwarf_function *function)
{
	struct walk walk = {.unit = unit, .function = function};

	return walk_within(&walk, function->die);
}
