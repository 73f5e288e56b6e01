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

void dwarf_names_deinit(struct dwarf_names *names)
{
	map_for_each (entry, &names->names)
		free((void *)(uintptr_t)entry->value);
	map_deinit(&names->names);
}

static const char *attribute_string(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attribute;

	return dwarf_formstring(dwarf_attr_integrate(die, name, &attribute));
}

static bool is_old(const Dwarf_Die *die)
{
	Dwarf_Half version;

	return dwarf_cu_info(die->cu, &version, NULL, NULL, NULL, NULL, NULL, NULL) == 0 &&
	       version < 4;
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
	name->die = *die;
	name->is_scoped = is_scoped;
	name->name = attribute_string(&name->die, DW_AT_name);
	name->linkage = attribute_string(&name->die, DW_AT_linkage_name);
	/* what it was called before version 4 */
	if (!name->linkage && is_old(&name->die))
		name->linkage = attribute_string(&name->die, DW_AT_MIPS_linkage_name);
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
