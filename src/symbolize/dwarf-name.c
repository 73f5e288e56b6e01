/* SPDX-License-Identifier: MIT */
/*
 * dwarf-name.c: one name for all copies of a function.
 *
 * Each call that was inlined has an entry that refers to the entry of the function. A small function is
 * inlined in thousands of places, and to read, demangle and scope its name for each of them was a third of
 * the time. A function that has code keeps the name of its own entry: constructors have two, with linkage
 * names of their own.
 */
#include "symbolize/dwarf-name.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>

enum { MAX_REFERENCES = 16 };

void dwarf_names_deinit(struct dwarf_names *names)
{
	map_for_each (entry, &names->names)
		free((void *)(uintptr_t)entry->value);
	map_deinit(&names->names);
}

/* What one entry says of a name. */
struct said {
	const char *name, *linkage, *old_linkage;
	Dwarf_Attribute origin, specification; /* of form 0: none */
};

static int note(Dwarf_Attribute *attribute, void *data)
{
	struct said *said = data;

	switch (dwarf_whatattr(attribute)) {
	case DW_AT_name:
		said->name = dwarf_formstring(attribute);
		break;
	case DW_AT_linkage_name:
		said->linkage = dwarf_formstring(attribute);
		break;
	/* what it was called before version 4 */
	case DW_AT_MIPS_linkage_name:
		said->old_linkage = dwarf_formstring(attribute);
		break;
	case DW_AT_abstract_origin:
		said->origin = *attribute;
		break;
	case DW_AT_specification:
		said->specification = *attribute;
		break;
	default:
		break;
	}
	return DWARF_CB_OK;
}

/* From entry to entry, to the one where it was declared first. */
static void read_name(struct dwarf_name *name)
{
	Dwarf_Die *die = &name->declaration, next;

	for (int i = 0; i < MAX_REFERENCES; i++) {
		struct said said = {};
		Dwarf_Attribute *reference = &said.origin;

		(void)dwarf_getattrs(die, note, &said, 0);
		name->name = name->name ?: said.name;
		name->linkage = name->linkage ?: said.linkage ?: said.old_linkage;
		if (!reference->form)
			reference = &said.specification;
		if (!reference->form || !dwarf_formref_die(reference, &next))
			break;
		*die = next;
	}
}

int dwarf_names_get(struct dwarf_names *names, const Dwarf_Die *die, bool is_scoped,
		    struct dwarf_name **ret)
{
	_cleanup_free_ struct dwarf_name *name = NULL;
	int r;

	*ret = map_get_ptr(&names->names, (uintptr_t)die->addr);
	if (*ret)
		return 0;
	name = calloc(1, sizeof(*name));
	if (!name)
		return -ENOMEM;
	name->declaration = *die;
	name->is_scoped = is_scoped;
	read_name(name);
	r = map_set(&names->names, (uintptr_t)die->addr, (uintptr_t)name);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(name);
	return 0;
}

int dwarf_names_get_inlined(struct dwarf_names *names, Dwarf_Die *die, bool is_scoped,
			    struct dwarf_name **ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Die origin;

	if (dwarf_attr(die, DW_AT_abstract_origin, &attribute) &&
	    dwarf_formref_die(&attribute, &origin))
		die = &origin;
	return dwarf_names_get(names, die, is_scoped, ret);
}
