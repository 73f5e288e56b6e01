/* SPDX-License-Identifier: MIT */
/*
 * dwarf-unit.c: from an address to the functions that are active there, in one compilation unit.
 *
 * libdw answers "which scopes contain this address" by walking the unit from its start, for each address
 * anew. Here the unit is walked once: the first question builds an index of the ranges of all functions,
 * the first question in a function one of the calls that were inlined into it. Both are rangemaps; of
 * inlined calls the deeper one wins, and each knows the call that it is part of.
 *
 *	unit     function_map   address → function
 *	function inline_map     address → innermost inlined call → its parent → … → the function
 *
 * Compilers put the functions that have code right below the unit or into its namespaces, and so the
 * first walk (shallow) skips everything else, types and bodies of functions above all. Nested functions
 * and other languages' customs are found by a second walk through everything (deep), which is done only
 * if an address of the unit was not found without.
 *
 * The file may be hostile. In a sound unit the entries follow each other in memory in the order of the
 * walk; insisting on that makes every walk end. Depth and number of ranges are bounded. What is beyond
 * the bounds is not known, that is all.
 */
#include "symbolize/dwarf-unit.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>

#include "base/macro.h"

enum {
	MAX_DEPTH = 200,
	MAX_RANGES_DIE = 1 << 16,
	MAX_RANGES_UNIT = 1 << 22,
	NO_PARENT = -1,
};

struct dwarf_inline {
	struct dwarf_name name;
	struct dwarf_place caller; /* known together with name */
	int32_t parent;            /* index of the inlined call around it, or NO_PARENT */
};

/* One walk. */
struct walk {
	struct dwarf_unit *unit;
	struct dwarf_function *function; /* whose calls are collected; NULL: functions are */
	bool deep;
	void *furthest; /* the last entry that was visited */
	size_t n_ranges;
};

void dwarf_unit_init(struct dwarf_unit *unit, const Dwarf_Die *die, const struct elffile *code)
{
	*unit = (struct dwarf_unit){.die = *die, .code = code};
}

static void forget_functions(struct dwarf_unit *unit)
{
	for (size_t i = 0; i < unit->n_functions; i++) {
		free(unit->functions[i].inlines);
		rangemap_deinit(&unit->functions[i].inline_map);
	}
	unit->n_functions = 0;
	rangemap_deinit(&unit->function_map);
}

void dwarf_unit_deinit(struct dwarf_unit *unit)
{
	forget_functions(unit);
	free(unit->functions);
	unit->functions = NULL;
	unit->functions_capacity = 0;
}

int dwarf_unit_add_ranges(struct rangemap *map, Dwarf_Die *die, const struct elffile *code,
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
	struct dwarf_function function = {.name.die = *die};
	int n;

	n = dwarf_unit_add_ranges(&unit->function_map, die, unit->code, 0,
				  (uint32_t)unit->n_functions, &function.entry);
	if (n <= 0)
		return n;
	walk->n_ranges += (size_t)n;
	if (unit->n_functions == unit->functions_capacity) {
		size_t capacity = unit->functions_capacity ? 2 * unit->functions_capacity : 32;
		struct dwarf_function *functions =
			reallocarray(unit->functions, capacity, sizeof(*functions));

		if (!functions)
			return -ENOMEM;
		unit->functions = functions;
		unit->functions_capacity = capacity;
	}
	unit->functions[unit->n_functions++] = function;
	return 0;
}

/* Returns the index of the new call, -ENOMEM, or NO_PARENT if it has no code. */
static int add_inline(struct walk *walk, Dwarf_Die *die, int parent)
{
	struct dwarf_function *function = walk->function;
	int n;

	/* the deeper of two comes later */
	n = dwarf_unit_add_ranges(&function->inline_map, die, walk->unit->code,
				  function->n_inlines + 1, (uint32_t)function->n_inlines, NULL);
	if (n < 0)
		return n;
	walk->n_ranges += (size_t)n;
	if (function->n_inlines == function->inlines_capacity) {
		size_t capacity = function->inlines_capacity ? 2 * function->inlines_capacity : 8;
		struct dwarf_inline *inlines =
			reallocarray(function->inlines, capacity, sizeof(*inlines));

		if (!inlines)
			return -ENOMEM;
		function->inlines = inlines;
		function->inlines_capacity = capacity;
	}
	function->inlines[function->n_inlines] =
		(struct dwarf_inline){.name.die = *die, .parent = parent};
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

static const char *attribute_string(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attribute;

	return dwarf_formstring(dwarf_attr_integrate(die, name, &attribute));
}

static bool has_scopes(Dwarf_Die *unit)
{
	switch (dwarf_srclang(unit)) {
	case DW_LANG_C89:
	case DW_LANG_C:
	case DW_LANG_C99:
	case DW_LANG_C11:
	case DW_LANG_Mips_Assembler:
		return false;
	default:
		return true;
	}
}

/* With split DWARF, the functions are in another file, which libdw looks for. */
static void open_content(struct dwarf_unit *unit)
{
	Dwarf_Die content;
	uint8_t type;

	unit->content = unit->die;
	unit->dir = attribute_string(&unit->die, DW_AT_comp_dir);
	if (dwarf_cu_info(unit->die.cu, NULL, &type, NULL, &content, NULL, NULL, NULL) < 0)
		type = DW_UT_compile;
	if (type == DW_UT_skeleton && content.addr && dwarf_tag(&content) != DW_TAG_invalid)
		unit->content = content;
	else if (type == DW_UT_skeleton)
		unit->why = "split debug information (.dwo) not found";
	unit->is_scoped = has_scopes(&unit->content);
}

static int load_functions(struct dwarf_unit *unit, bool deep)
{
	struct walk walk = {.unit = unit, .deep = deep};
	int r;

	forget_functions(unit);
	unit->state = deep ? DWARF_UNIT_DEEP : DWARF_UNIT_SHALLOW;
	r = walk_functions(&walk, unit->content, 0);
	return r < 0 ? r : rangemap_build(&unit->function_map);
}

static int expand(struct dwarf_unit *unit, struct dwarf_function *function)
{
	struct walk walk = {.unit = unit, .function = function};
	int r;

	if (function->is_expanded)
		return 0;
	function->is_expanded = true;
	r = walk_inlines(&walk, function->name.die, NO_PARENT, 0);
	return r < 0 ? r : rangemap_build(&function->inline_map);
}

/* NULL if there is none, in *ret; -ENOMEM. */
static int find_function(struct dwarf_unit *unit, uint64_t address, struct dwarf_function **ret)
{
	uint32_t i = RANGE_NONE;
	int r;

	if (unit->state != DWARF_UNIT_NEW)
		i = rangemap_find(&unit->function_map, address);
	while (i == RANGE_NONE && unit->state != DWARF_UNIT_DEEP) {
		r = load_functions(unit, unit->state == DWARF_UNIT_SHALLOW);
		if (r < 0)
			return r;
		i = rangemap_find(&unit->function_map, address);
	}
	*ret = i == RANGE_NONE ? NULL : &unit->functions[i];
	return 0;
}

static void learn_name(struct dwarf_unit *unit, struct dwarf_name *name)
{
	if (name->is_known)
		return;
	name->is_known = true;
	name->is_scoped = unit->is_scoped;
	name->name = attribute_string(&name->die, DW_AT_name);
	name->linkage = attribute_string(&name->die, DW_AT_linkage_name);
	if (!name->linkage)
		name->linkage = attribute_string(&name->die, DW_AT_MIPS_linkage_name);
}

/* The line that inlined die, which is a line of the call around it. */
static void locate_caller(struct dwarf_unit *unit, Dwarf_Die *die, struct dwarf_place *place)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;
	Dwarf_Files *files;
	size_t n_files;

	*place = (struct dwarf_place){.dir = unit->dir};
	if (dwarf_formudata(dwarf_attr(die, DW_AT_call_line, &attribute), &value) == 0 &&
	    value <= UINT32_MAX)
		place->line = (uint32_t)value;
	if (dwarf_formudata(dwarf_attr(die, DW_AT_call_file, &attribute), &value) == 0 &&
	    dwarf_getsrcfiles(&unit->content, &files, &n_files) == 0 && value < n_files)
		place->file = dwarf_filesrc(files, value, NULL, NULL);
}

static void locate(struct dwarf_unit *unit, uint64_t address, struct dwarf_place *place)
{
	Dwarf_Line *line = dwarf_getsrc_die(&unit->die, address);
	int number;

	*place = (struct dwarf_place){.dir = unit->dir};
	if (!line)
		return;
	place->file = dwarf_linesrc(line, NULL, NULL);
	if (dwarf_lineno(line, &number) == 0 && number > 0)
		place->line = (uint32_t)number;
}

int dwarf_unit_find(struct dwarf_unit *unit, uint64_t address,
		    struct dwarf_call calls[DWARF_MAX_CALLS], uint64_t *ret_entry)
{
	struct dwarf_function *function;
	uint32_t found;
	int n = 0, r;

	if (!unit->content.addr)
		open_content(unit);
	locate(unit, address, &unit->place);
	calls[0].place = &unit->place;
	r = find_function(unit, address, &function);
	if (r < 0 || !function)
		return r;
	r = expand(unit, function);
	if (r < 0)
		return r;

	found = rangemap_find(&function->inline_map, address);
	for (int32_t i = found == RANGE_NONE ? NO_PARENT : (int32_t)found;
	     i != NO_PARENT && n < DWARF_MAX_CALLS - 1; i = function->inlines[i].parent) {
		struct dwarf_inline *inlined = &function->inlines[i];

		if (!inlined->name.is_known)
			locate_caller(unit, &inlined->name.die, &inlined->caller);
		learn_name(unit, &inlined->name);
		calls[n++].name = &inlined->name;
		calls[n].place = &inlined->caller;
	}
	learn_name(unit, &function->name);
	calls[n++].name = &function->name;
	*ret_entry = function->entry;
	return n;
}
