/* SPDX-License-Identifier: MIT */
/*
 * dwarf-unit.h: one compilation unit: its functions, the calls that were inlined into them, its lines.
 * Everything is read when it is first asked for.
 */
#ifndef SYMBOLIZE_DWARF_UNIT_H
#define SYMBOLIZE_DWARF_UNIT_H

#include <elfutils/libdw.h>

#include "symbolize/elffile.h"
#include "symbolize/rangemap.h"

/* A function, whether it was called or inlined. Strings belong to libdw and live as long as its Dwarf. */
struct dwarf_name {
	Dwarf_Die die;
	const char *name;    /* as in the source, without its scope; NULL if unknown */
	const char *linkage; /* NULL if unknown */
	bool is_scoped;      /* the language has scopes, which name does not tell */
	bool is_known;       /* the above is; set before anybody outside sees it */
	const char *shown;   /* NULL at first; whoever asks may keep there how name is shown */
};

/* A line of source. */
struct dwarf_place {
	const char *file; /* NULL: unknown */
	const char *dir;  /* what file is relative to, if it is; NULL if unknown */
	uint32_t line;    /* 0: unknown */
	const char *path; /* NULL at first; whoever asks may keep there how file is shown */
};

/* A function that is active at an address. Both live until the next question to the unit. */
struct dwarf_call {
	struct dwarf_name *name;
	struct dwarf_place *place; /* that runs, or that calls the next inner one */
};

/* No compiler inlines as deep; what lies deeper is attributed to what is here. */
enum { DWARF_MAX_CALLS = 128 };

struct dwarf_inline; /* in dwarf-unit.c */

struct dwarf_function {
	struct dwarf_name name;
	uint64_t entry; /* where its first range starts */
	/* from the first address that was asked for in it */
	bool is_expanded;
	struct dwarf_inline *inlines;
	size_t n_inlines, inlines_capacity;
	struct rangemap inline_map; /* addresses to inlines, the innermost */
};

struct dwarf_unit {
	Dwarf_Die die;     /* the unit that has the lines: with split DWARF, the skeleton */
	Dwarf_Die content; /* the unit that has the functions */
	const struct elffile *code;
	enum { DWARF_UNIT_NEW, DWARF_UNIT_SHALLOW, DWARF_UNIT_DEEP } state;
	bool is_scoped;
	const char *dir;          /* where the compiler ran; NULL if unknown */
	struct dwarf_place place; /* the last one that was asked for */
	const char *why;          /* why there are no functions; NULL if there are, or may be */
	struct dwarf_function *functions;
	size_t n_functions, functions_capacity;
	struct rangemap function_map;
};

void dwarf_unit_init(struct dwarf_unit *unit, const Dwarf_Die *die, const struct elffile *code);
void dwarf_unit_deinit(struct dwarf_unit *unit);

/*
 * The calls that are active at address, innermost first: n - 1 inlined ones and the function. 0 if no
 * function covers address; then calls[0] has a place, maybe unknown. ret_entry is the first
 * address of the function. -ENOMEM.
 */
int dwarf_unit_find(struct dwarf_unit *unit, uint64_t address,
		    struct dwarf_call calls[DWARF_MAX_CALLS], uint64_t *ret_entry);

/*
 * Adds the ranges of a DIE that hold code of this file to map, with value, and returns how many, -ENOMEM.
 * rank 0: the narrower range wins. ret_entry (may be NULL) is the start of the first one.
 */
int dwarf_unit_add_ranges(struct rangemap *map, Dwarf_Die *die, const struct elffile *code,
			  uint64_t rank, uint32_t value, uint64_t *ret_entry);

#endif
