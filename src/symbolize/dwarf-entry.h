/* SPDX-License-Identifier: MIT */
/*
 * dwarf-entry.h: the entries of a unit one after the other, and of each only what says where its code is.
 */
#ifndef SYMBOLIZE_DWARF_ENTRY_H
#define SYMBOLIZE_DWARF_ENTRY_H

#include "symbolize/dwarf-shape.h"

/* How an entry says where its code is. */
enum dwarf_code {
	DWARF_CODE_NONE,
	DWARF_CODE_RANGE, /* from low to high */
	DWARF_CODE_LIST,  /* in a list at an offset of the section of lists */
	DWARF_CODE_OTHER, /* in a way that libdw knows */
};

struct dwarf_entry {
	const uint8_t *start, *behind; /* of the entry without its children */
	const uint8_t *sibling;        /* NULL if it does not say, or there is none */
	unsigned int tag;              /* 0: the end of a list of siblings */
	bool has_children;
	enum dwarf_code code;
	uint64_t low, high; /* or low: the offset of the list */
};

/* Reads the entry at an address in the unit. -EBADMSG: it makes no sense, or the unit ends; -ENOMEM. */
int dwarf_entry_read(struct dwarf_shapes *shapes, const uint8_t *at, struct dwarf_entry *ret);

/*
 * The first entry from at on that is more than a plain one, or whose shape is not known yet. Not
 * behind the unit's end.
 */
const uint8_t *dwarf_entry_pass(const struct dwarf_shapes *shapes, const uint8_t *at);

/*
 * Where the next entry behind entry and all that is in it begins, always further on. Walks through its children
 * if it does not say. -EBADMSG, -ENOMEM.
 */
int dwarf_entry_skip(struct dwarf_shapes *shapes, const struct dwarf_entry *entry,
		     const uint8_t **ret);

/* How a call came to be inlined. */
struct dwarf_inlined {
	const uint8_t *origin; /* the entry of its function, in the unit */
	uint32_t file, line;   /* where it stood; 0 if it does not say */
};

/*
 * Reads the entry of an inlined call that was stepped over before. False if it says so in a way that only libdw
 * knows.
 */
bool dwarf_entry_read_inlined(const struct dwarf_shapes *shapes, const uint8_t *at,
			      struct dwarf_inlined *ret);

#endif
