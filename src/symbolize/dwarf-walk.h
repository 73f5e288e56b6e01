/* SPDX-License-Identifier: MIT */
/*
 * dwarf-walk.h: finds functions and inlined calls of a unit and says where their code is. For dwarf-unit.c.
 */
#ifndef SYMBOLIZE_DWARF_WALK_H
#define SYMBOLIZE_DWARF_WALK_H

#include "symbolize/dwarf-unit.h"

enum { DWARF_NO_PARENT = -1 };

/* A large program has millions of these. */
struct dwarf_inline {
	void *die; /* address of its entry in the unit */
	struct dwarf_name
		*name; /* NULL until it was asked for; the caller is known together with it */
	uint32_t caller_file; /* number, maybe of none */
	uint32_t caller_line; /* 0: unknown */
	int32_t parent;       /* index of the inlined call around it, or DWARF_NO_PARENT */
	uint32_t around;      /* what the caller of dwarf_unit_find keeps */
};

/*
 * Adds the functions of unit to its list, which was empty, and their ranges to the file's builder.
 * What stands in types and in other functions is found if deep. 0 or -ENOMEM.
 */
int dwarf_walk_functions(struct dwarf_unit *unit, bool deep);
/*
 * Adds the calls that were inlined into function to its list, which was empty, and their ranges to
 * the file's builder. 0 or -ENOMEM.
 */
int dwarf_walk_inlines(struct dwarf_unit *unit, struct dwarf_function *function);

/*
 * Adds the ranges of a unit that hold code of this file to its builder, the narrower ones above;
 * how many, or -ENOMEM.
 */
int dwarf_walk_add_unit(struct dwarf_file *file, Dwarf_Die *die, uint32_t value);

#endif
