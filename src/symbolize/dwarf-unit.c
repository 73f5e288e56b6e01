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
 */
#include "symbolize/dwarf-unit.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>

#include "symbolize/dwarf-walk.h"

void dwarf_unit_init(struct dwarf_unit *unit, const Dwarf_Die *die, struct dwarf_file *file)
{
	*unit = (struct dwarf_unit){.die = *die, .file = file};
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

Dwarf_Die dwarf_unit_entry(const struct dwarf_unit *unit, void *address)
{
	return (Dwarf_Die){.addr = address, .cu = unit->content.cu};
}

void dwarf_unit_deinit(struct dwarf_unit *unit)
{
	forget_functions(unit);
	dwarf_shapes_deinit(&unit->shapes);
	dwarf_lines_deinit(&unit->lines);
	dwarf_names_deinit(&unit->names);
	free(unit->functions);
	unit->functions = NULL;
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
	Dwarf_Addr base;
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
	if (dwarf_lowpc(&unit->content, &base) != 0 && dwarf_entrypc(&unit->content, &base) != 0)
		base = 0;
	unit->base = base;
	/* without shapes there are no functions, but lines */
	(void)dwarf_shapes_init(&unit->shapes, &unit->content);
}

/* Of what a walk found, which returned r. */
static int build(struct dwarf_unit *unit, int r, struct rangemap *map)
{
	if (r < 0)
		unit->file->builder.n_ranges = 0;
	return r < 0 ? r : rangemap_build(&unit->file->builder, map);
}

static int load_functions(struct dwarf_unit *unit, bool deep)
{
	int r;

	forget_functions(unit);
	unit->state = deep ? DWARF_UNIT_DEEP : DWARF_UNIT_SHALLOW;
	r = dwarf_walk_functions(unit, deep);
	return build(unit, r, &unit->function_map);
}

static int expand(struct dwarf_unit *unit, struct dwarf_function *function)
{
	int r;

	if (function->is_expanded)
		return 0;
	function->is_expanded = true;
	r = dwarf_walk_inlines(unit, function);
	return build(unit, r, &function->inline_map);
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

/* A file by its number. With split DWARF, functions have a list of files that is not that of the lines. */
static const char *file_by_number(struct dwarf_unit *unit, uint64_t number)
{
	Dwarf_Files *files;
	size_t n_files;

	if (unit->content.addr == unit->die.addr)
		return dwarf_lines_file(&unit->lines, number);
	if (dwarf_getsrcfiles(&unit->content, &files, &n_files) != 0 || number >= n_files)
		return NULL;
	return dwarf_filesrc(files, number, NULL, NULL);
}

/* A number of an entry; 0 if it has none that fits. */
static uint32_t small_number(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (dwarf_formudata(dwarf_attr(die, name, &attribute), &value) != 0 || value > UINT32_MAX)
		return 0;
	return (uint32_t)value;
}

/* Sets what is read of an inlined call when it is asked for first. */
static int learn_inline(struct dwarf_unit *unit, struct dwarf_inline *inlined)
{
	Dwarf_Die die = dwarf_unit_entry(unit, inlined->die);
	struct dwarf_inlined said;

	if (inlined->name)
		return 0;
	if (dwarf_entry_read_inlined(&unit->shapes, inlined->die, &said)) {
		inlined->caller_file = said.file;
		inlined->caller_line = said.line;
		die.addr = (void *)said.origin;
		return dwarf_names_get(&unit->names, &die, unit->is_scoped, &inlined->name);
	}
	/* the line that inlined it is one of the call around it */
	inlined->caller_file = small_number(&die, DW_AT_call_file);
	inlined->caller_line = small_number(&die, DW_AT_call_line);
	return dwarf_names_get_inlined(&unit->names, &die, unit->is_scoped, &inlined->name);
}

static int learn_function(struct dwarf_unit *unit, struct dwarf_function *function)
{
	Dwarf_Die die = dwarf_unit_entry(unit, function->die);

	if (function->name)
		return 0;
	return dwarf_names_get(&unit->names, &die, unit->is_scoped, &function->name);
}

static int load_lines(struct dwarf_unit *unit)
{
	Dwarf_Attribute attribute;
	Dwarf_Word offset;

	if (unit->has_lines)
		return 0;
	unit->has_lines = true;
	if (dwarf_formudata(dwarf_attr(&unit->die, DW_AT_stmt_list, &attribute), &offset) != 0)
		return 0;
	return dwarf_lines_load(&unit->lines, &unit->file->lines, offset, unit->file->code);
}

static void locate(struct dwarf_unit *unit, uint64_t address, struct dwarf_place *place)
{
	const struct dwarf_line_row *row = dwarf_lines_find(&unit->lines, address);

	*place = (struct dwarf_place){.dir = unit->dir};
	if (!row)
		return;
	place->file = dwarf_lines_file(&unit->lines, row->file);
	place->line = row->line;
}

/* Adds the inlined calls, up to one around which all was kept: *ret_all tells whether there was one. */
static int find_inlined(struct dwarf_unit *unit, struct dwarf_function *function, uint64_t address,
			bool can_keep, struct dwarf_call calls[DWARF_MAX_CALLS], bool *ret_all)
{
	const uint32_t found = rangemap_find(&function->inline_map, address);
	int32_t i = found == RANGE_NONE ? DWARF_NO_PARENT : (int32_t)found;
	int n = 0;

	*ret_all = false;
	for (; i != DWARF_NO_PARENT; i = function->inlines[i].parent) {
		struct dwarf_inline *inlined = &function->inlines[i];
		int r = learn_inline(unit, inlined);

		if (r < 0)
			return r;
		calls[n].name = inlined->name;
		calls[n].shown = NULL;
		calls[n++].around = can_keep ? &inlined->around : NULL;
		*ret_all = can_keep && inlined->around;
		if (*ret_all)
			return n;
		calls[n].place = (struct dwarf_place){
			.file = file_by_number(unit, inlined->caller_file),
			.dir = unit->dir,
			.line = inlined->caller_line,
		};
	}
	return n;
}

int dwarf_unit_find(struct dwarf_unit *unit, uint64_t address, const void *symbol,
		    struct dwarf_call calls[DWARF_MAX_CALLS], uint64_t *ret_entry)
{
	struct dwarf_function *function;
	bool can_keep, is_all;
	int n, r;

	if (!unit->content.addr)
		open_content(unit);
	r = load_lines(unit);
	if (r < 0)
		return r;
	locate(unit, address, &calls[0].place);
	r = find_function(unit, address, &function);
	if (r < 0 || !function)
		return r;
	if (!function->is_expanded)
		function->symbol = symbol;
	can_keep = function->symbol == symbol;
	r = expand(unit, function);
	if (r < 0)
		return r;
	*ret_entry = function->entry;
	n = find_inlined(unit, function, address, can_keep, calls, &is_all);
	if (n < 0 || is_all)
		return n;
	r = learn_function(unit, function);
	if (r < 0)
		return r;
	calls[n].name = function->name;
	calls[n].around = NULL;
	calls[n++].shown = can_keep ? &function->shown : NULL;
	return n;
}

void dwarf_unit_forget(struct dwarf_unit *unit)
{
	for (size_t i = 0; i < unit->n_functions; i++)
		for (size_t k = 0; k < unit->functions[i].n_inlines; k++)
			unit->functions[i].inlines[k].around = 0;
}
