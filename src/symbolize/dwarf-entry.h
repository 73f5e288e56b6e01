/* SPDX-License-Identifier: MIT */
/*
 * dwarf-entry.h: the entries of a unit one after the other, and of each only what says where its code is.
 */
#ifndef SYMBOLIZE_DWARF_ENTRY_H
#define SYMBOLIZE_DWARF_ENTRY_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbolize/bytes.h"

struct dwarf_field {
	uint16_t name, form; /* of an attribute; UINT16_MAX: none that is known */
	uint32_t
		offset; /* from the first attribute; only if all of the shape's have a fixed size */
};

/* What the entries with one code look like. */
struct dwarf_shape {
	uint16_t tag;
	bool is_known, is_usable, has_children;
	bool is_fixed; /* fields are only those that are looked for, the rest is skipped by size */
	uint32_t size; /* of all attributes, if that is fixed */
	uint32_t fields; /* index of the first */
	uint32_t n_fields;
};

/* Zeroed is empty. */
struct dwarf_shapes {
	Dwarf_Die unit;             /* its first entry */
	const uint8_t *start, *end; /* of the unit, with its head */
	uint8_t version, address_size, offset_size;
	struct dwarf_shape *shapes; /* by code, those that were met */
	size_t n_shapes;
	struct dwarf_field *all_fields;
	size_t n_fields;
};

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

/* unit lives as long as shapes. -EBADMSG: the unit cannot be stepped through. */
int dwarf_shapes_init(struct dwarf_shapes *shapes, const Dwarf_Die *unit);
void dwarf_shapes_deinit(struct dwarf_shapes *shapes);

/* Reads the entry at an address in the unit. -EBADMSG: it makes no sense, or the unit ends; -ENOMEM. */
int dwarf_entry_read(struct dwarf_shapes *shapes, const uint8_t *at, struct dwarf_entry *ret);

/*
 * Where the next entry behind entry and all that is in it begins, always further on. Walks through its children
 * if it does not say. -EBADMSG, -ENOMEM.
 */
int dwarf_entry_skip(struct dwarf_shapes *shapes, const struct dwarf_entry *entry,
		     const uint8_t **ret);

#endif
