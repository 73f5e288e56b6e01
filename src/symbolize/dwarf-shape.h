/* SPDX-License-Identifier: MIT */
/*
 * dwarf-shape.h: what the entries of a unit look like: which attributes each code stands for, in which form.
 */
#ifndef SYMBOLIZE_DWARF_SHAPE_H
#define SYMBOLIZE_DWARF_SHAPE_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DWARF_NOT_FIXED = UINT8_MAX, /* in place of a size */
	DWARF_SKIP = 0, /* in place of a name and a form: so many bytes that nobody looks at */
};

struct dwarf_field {
	uint16_t name, form; /* of an attribute; UINT16_MAX: none that is known */
	/* from the first attribute, if all of the shape's have a fixed size; of a constant its value */
	uint32_t offset, size;
};

/* What the entries with one code look like. */
struct dwarf_shape {
	uint16_t tag;
	bool is_known, is_usable, has_children;
	bool is_plain; /* of fixed size without fields and children, so that there is nothing to see in it */
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

/* unit lives as long as shapes. -EBADMSG: the unit cannot be stepped through. */
int dwarf_shapes_init(struct dwarf_shapes *shapes, const Dwarf_Die *unit);
void dwarf_shapes_deinit(struct dwarf_shapes *shapes);

/* The shape of a code, which the entry at an address begins with. -EBADMSG: it has none; -ENOMEM. */
int dwarf_shapes_get(struct dwarf_shapes *shapes, const uint8_t *at, uint64_t code,
		     const struct dwarf_shape **ret);

/* The size of a value in that form, or DWARF_NOT_FIXED. */
uint8_t dwarf_shapes_size(const struct dwarf_shapes *shapes, unsigned int form);

#endif
