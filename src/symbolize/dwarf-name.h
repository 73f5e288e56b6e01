/* SPDX-License-Identifier: MIT */
/*
 * dwarf-name.h: what debug information calls a function. A function has one name, however many calls of it
 * were inlined.
 */
#ifndef SYMBOLIZE_DWARF_NAME_H
#define SYMBOLIZE_DWARF_NAME_H

#include <elfutils/libdw.h>

#include "base/map.h"

/* Strings belong to libdw and live as long as its Dwarf. */
struct dwarf_name {
	Dwarf_Die declaration; /* the entry where it was declared first */
	const char *name;      /* as in the source, without its scope; NULL if unknown */
	const char *linkage;   /* NULL if unknown */
	bool is_scoped;        /* the language has scopes, which name does not tell */
	/* whoever asks may keep here how name is shown, and whether linkage said it all; NULL and false at first */
	const char *shown;
	bool is_shown_by_linkage;
};

/* Names by entry. Zeroed is empty. */
struct dwarf_names {
	struct map names; /* addresses of entries to names */
};

void dwarf_names_deinit(struct dwarf_names *names);

/* The name of a function's own entry; lives as long as names. 0 or -ENOMEM. */
int dwarf_names_get(struct dwarf_names *names, const Dwarf_Die *die, bool is_scoped,
		    struct dwarf_name **ret);
/* The same of a call that was inlined: that of the function which was called. */
int dwarf_names_get_inlined(struct dwarf_names *names, Dwarf_Die *die, bool is_scoped,
			    struct dwarf_name **ret);

#endif
