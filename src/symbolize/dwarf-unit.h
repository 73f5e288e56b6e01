/* SPDX-License-Identifier: MIT */
/*
 * dwarf-unit.h: one compilation unit: its functions, the calls that were inlined into them, its lines.
 * Everything is read when it is first asked for.
 */
#ifndef SYMBOLIZE_DWARF_UNIT_H
#define SYMBOLIZE_DWARF_UNIT_H

#include <elfutils/libdw.h>

#include "symbolize/dwarf-entry.h"
#include "symbolize/dwarf-lines.h"
#include "symbolize/dwarf-name.h"
#include "symbolize/dwarf-ranges.h"
#include "symbolize/elffile.h"
#include "symbolize/rangemap.h"

/* A line of source. */
struct dwarf_place {
	const char *file; /* NULL: unknown */
	const char *dir;  /* what file is relative to, if it is; NULL if unknown */
	uint32_t line;    /* 0: unknown */
};

/* What a function is called where a certain symbol stands; for whoever asks to keep. */
struct dwarf_shown {
	bool is_known;
	const char *function, *linkage;
};

/*
 * A function that is active at an address. The name lives as long as the unit. Who asks for many addresses may
 * keep two things here, which are zeroed at first, and NULL where nothing can be kept.
 */
struct dwarf_call {
	struct dwarf_name *name;
	struct dwarf_place place;  /* that runs, or that calls the next inner one */
	uint32_t *around;          /* of an inlined one: a number for all calls around it */
	struct dwarf_shown *shown; /* of the function, the outermost one */
};

/* No compiler inlines as deep; what lies deeper is attributed to what is here. */
enum { DWARF_MAX_CALLS = 128 };

struct dwarf_inline; /* in dwarf-walk.h */

/* What the units of a file share. */
struct dwarf_file {
	const struct elffile *code; /* tells which addresses are code */
	struct dwarf_line_sections lines;
	struct dwarf_range_sections ranges;
	struct rangemap_builder builder; /* for the map that is made just now */
};

struct dwarf_function {
	void *die;               /* address of its entry in the unit */
	struct dwarf_name *name; /* NULL until it was asked for */
	uint64_t entry;          /* where its first range starts */
	/* from the first address that was asked for in it */
	bool is_expanded;
	const void *symbol; /* that stood there; what was kept holds for this one */
	struct dwarf_shown shown;
	struct dwarf_inline *inlines;
	size_t n_inlines;
	struct rangemap inline_map; /* addresses to inlines, the innermost */
};

struct dwarf_unit {
	Dwarf_Die die;     /* the unit that has the lines: with split DWARF, the skeleton */
	Dwarf_Die content; /* the unit that has the functions */
	struct dwarf_file *file;
	struct dwarf_shapes shapes; /* of the entries of content; none if they make no sense */
	uint64_t base;              /* that lists of ranges are relative to */
	struct dwarf_lines lines;
	bool has_lines; /* lines is what there is */
	enum { DWARF_UNIT_NEW, DWARF_UNIT_SHALLOW, DWARF_UNIT_DEEP } state;
	bool is_scoped;
	const char *dir; /* where the compiler ran; NULL if unknown */
	const char *why; /* why there are no functions; NULL if there are, or may be */
	struct dwarf_function *functions;
	size_t n_functions;
	struct rangemap function_map;
	struct dwarf_names names;
};

/* file outlives the unit. */
void dwarf_unit_init(struct dwarf_unit *unit, const Dwarf_Die *die, struct dwarf_file *file);
void dwarf_unit_deinit(struct dwarf_unit *unit);

/* The entry at an address of memory that one of the unit's had. */
Dwarf_Die dwarf_unit_entry(const struct dwarf_unit *unit, void *address);

/*
 * The calls that are active at address, innermost first: n - 1 inlined ones and the function. 0 if no
 * function covers address; then calls[0] has a place, maybe unknown. ret_entry is the first
 * address of the function. -ENOMEM.
 *
 * What a caller keeps may depend on the symbol at address; where it is another one than at first nothing is kept.
 * Calls around one with a number that was kept are not told again.
 */
int dwarf_unit_find(struct dwarf_unit *unit, uint64_t address, const void *symbol,
		    struct dwarf_call calls[DWARF_MAX_CALLS], uint64_t *ret_entry);
/* No number that was kept means anything any more. */
void dwarf_unit_forget(struct dwarf_unit *unit);

#endif
