/* SPDX-License-Identifier: MIT */
/*
 * dwarf-walk.c: through the entries of a unit, for functions, and through those of a function, for the calls
 * that were inlined into it.
 *
 * Entries that cannot hold what is looked for are stepped over; compilers tell each one's end, and so a walk
 * touches little of a unit.
 *
 * The file may be hostile. In a sound unit the entries follow each other in memory in the order of the
 * walk; insisting on that makes every walk end. Depth and number of ranges are bounded. What is beyond
 * the bounds is not known, that is all.
 */
#include "symbolize/dwarf-walk.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>

#include "base/grow.h"

enum {
	MAX_DEPTH = 200,
	MAX_RANGES_DIE = 1 << 16,
	MAX_RANGES_UNIT = 1 << 22,
};

/* One walk. */
struct walk {
	struct dwarf_unit *unit;
	struct dwarf_function *function; /* whose calls are collected; NULL: functions are */
	bool deep;
	void *furthest; /* the last entry that was visited */
	size_t n_ranges;
};

int dwarf_walk_add_ranges(struct rangemap *map, Dwarf_Die *die, const struct elffile *code,
			  uint64_t rank, uint32_t value, uint64_t *ret_entry)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t offset = 0;
	int n = 0, steps = 0;

	while (steps++ < MAX_RANGES_DIE &&
	       (offset = dwarf_ranges(die, offset, &base, &start, &end)) > 0) {
		int r;

		/* what the linker threw away stands at zero, or outside of what is mapped to run */
		if (start == 0 || start >= end || !elffile_is_code(code, start))
			continue;
		r = rangemap_add(map, start, end, rank ? rank : rangemap_rank_narrow(start, end),
				 value);
		if (r < 0)
			return r;
		if (n++ == 0 && ret_entry)
			*ret_entry = start;
	}
	return n;
}

/* To die's first child, or to its sibling. False at the end of the list, or if the file makes no sense. */
static bool step(struct walk *walk, Dwarf_Die *die, bool down)
{
	Dwarf_Die next;

	if (down ? dwarf_child(die, &next) != 0 : dwarf_siblingof(die, &next) != 0)
		return false;
	if ((char *)next.addr <= (char *)walk->furthest)
		return false;
	walk->furthest = next.addr;
	*die = next;
	return true;
}

static int add_function(struct walk *walk, Dwarf_Die *die)
{
	struct dwarf_unit *unit = walk->unit;
	struct dwarf_function function = {.die = die->addr};
	int n;

	n = dwarf_walk_add_ranges(&unit->function_map, die, unit->code, 0,
				  (uint32_t)unit->n_functions, &function.entry);
	if (n <= 0)
		return n;
	walk->n_ranges += (size_t)n;
	if (GROW(unit->functions, unit->n_functions) < 0)
		return -ENOMEM;
	unit->functions[unit->n_functions++] = function;
	return 0;
}

/* Returns the index of the new call, -ENOMEM, or DWARF_NO_PARENT if it has no code. */
static int add_inline(struct walk *walk, Dwarf_Die *die, int parent)
{
	struct dwarf_function *function = walk->function;
	int n;

	/* the deeper of two comes later */
	n = dwarf_walk_add_ranges(&function->inline_map, die, walk->unit->code,
				  function->n_inlines + 1, (uint32_t)function->n_inlines, NULL);
	if (n < 0)
		return n;
	walk->n_ranges += (size_t)n;
	if (GROW(function->inlines, function->n_inlines) < 0)
		return -ENOMEM;
	function->inlines[function->n_inlines] =
		(struct dwarf_inline){.die = die->addr, .parent = parent};
	return (int)function->n_inlines++;
}

static int walk_functions(struct walk *walk, Dwarf_Die parent, int depth)
{
	Dwarf_Die die = parent;

	if (depth > MAX_DEPTH)
		return 0;
	for (bool more = step(walk, &die, true); more; more = step(walk, &die, false)) {
		bool descend = walk->deep;
		int r;

		if (walk->n_ranges > MAX_RANGES_UNIT)
			break;
		switch (dwarf_tag(&die)) {
		case DW_TAG_subprogram:
			r = add_function(walk, &die);
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
		r = descend ? walk_functions(walk, die, depth + 1) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int walk_inlines(struct walk *walk, Dwarf_Die scope, int parent, int depth)
{
	Dwarf_Die die = scope;

	if (depth > MAX_DEPTH)
		return 0;
	for (bool more = step(walk, &die, true); more; more = step(walk, &die, false)) {
		int around = parent, r;

		if (walk->n_ranges > MAX_RANGES_UNIT)
			break;
		switch (dwarf_tag(&die)) {
		case DW_TAG_inlined_subroutine:
			around = add_inline(walk, &die, parent);
			if (around < 0)
				return around;
			break;
		case DW_TAG_lexical_block:
		case DW_TAG_try_block:
		case DW_TAG_catch_block:
			break;
		default:
			continue;
		}
		r = walk_inlines(walk, die, around, depth + 1);
		if (r < 0)
			return r;
	}
	return 0;
}

int dwarf_walk_functions(struct dwarf_unit *unit, bool deep)
{
	struct walk walk = {.unit = unit, .deep = deep};

	return walk_functions(&walk, unit->content, 0);
}

int dwarf_walk_inlines(struct dwarf_unit *unit, struct dwarf_function *function)
{
	struct walk walk = {.unit = unit, .function = function};

	return walk_inlines(&walk, dwarf_unit_entry(unit, function->die), DWARF_NO_PARENT, 0);
}
