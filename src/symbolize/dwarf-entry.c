/* SPDX-License-Identifier: MIT */
/*
 * dwarf-entry.c: steps through entries.
 *
 * An entry begins with a code; a table says which attributes the entries with this code have, and in which form.
 * libdw looks each attribute up by walking through all that stand before it, and finds the end of an entry by
 * walking through all of them, so that stepping over a function of a thousand entries takes some ten walks for
 * each. Here a code is looked up once: most have nothing but attributes of fixed size, and then an entry is a few
 * loads at known places, and one that nobody looks for is an addition (dwarf-shape.c).
 *
 * The file may be hostile. Each step goes forward and ends within the unit.
 */
#include "symbolize/dwarf-entry.h"

#include <dwarf.h>
#include <errno.h>

#include "symbolize/bytes.h"

/* Steps over a value; of a number that fits, the number. */
static uint64_t read_form(struct bytes *from, const struct dwarf_shapes *shapes, unsigned int form)
{
	const uint8_t size = dwarf_shapes_size(shapes, form);

	if (size <= 8)
		return bytes_number(from, size);
	if (size != DWARF_NOT_FIXED) {
		bytes_skip(from, size);
		return 0;
	}
	switch (form) {
	case DW_FORM_udata:
	case DW_FORM_ref_udata:
	case DW_FORM_sdata:
	case DW_FORM_strx:
	case DW_FORM_addrx:
	case DW_FORM_loclistx:
	case DW_FORM_rnglistx:
	case DW_FORM_GNU_addr_index:
	case DW_FORM_GNU_str_index:
		return bytes_uleb(from);
	case DW_FORM_string:
		(void)bytes_string(from);
		return 0;
	case DW_FORM_block:
	case DW_FORM_exprloc:
		bytes_skip(from, bytes_uleb(from));
		return 0;
	case DW_FORM_block1:
		bytes_skip(from, bytes_number(from, 1));
		return 0;
	case DW_FORM_block2:
		bytes_skip(from, bytes_number(from, 2));
		return 0;
	case DW_FORM_block4:
		bytes_skip(from, bytes_number(from, 4));
		return 0;
	case DW_FORM_indirect: {
		const uint64_t real = bytes_uleb(from);

		if (real == DW_FORM_indirect || real == DW_FORM_implicit_const || real > UINT16_MAX)
			bytes_fail(from);
		return from->failed ? 0 : read_form(from, shapes, (unsigned int)real);
	}
	default:
		bytes_fail(from);
		return 0;
	}
}

/* What is known of an entry's code while its attributes are read. */
struct reading {
	bool has_low, has_high, has_list, is_other;
	bool is_length; /* high counts from low */
	uint64_t low, high, list;
};

/* Within the unit. */
static bool is_reference(unsigned int form)
{
	return form == DW_FORM_ref1 || form == DW_FORM_ref2 || form == DW_FORM_ref4 ||
	       form == DW_FORM_ref8 || form == DW_FORM_ref_udata;
}

static void note_sibling(const struct dwarf_shapes *shapes, unsigned int form, uint64_t value,
			 struct dwarf_entry *entry)
{
	const uint64_t size = (uint64_t)(shapes->end - shapes->start);

	if (is_reference(form) && value < size && shapes->start + value > entry->start)
		entry->sibling = shapes->start + value;
}

static bool is_number(unsigned int form)
{
	return form == DW_FORM_data1 || form == DW_FORM_data2 || form == DW_FORM_data4 ||
	       form == DW_FORM_data8 || form == DW_FORM_udata;
}

static inline void note(const struct dwarf_shapes *shapes, const struct dwarf_field *field,
			uint64_t value, struct reading *reading, struct dwarf_entry *entry)
{
	switch (field->name) {
	case DW_AT_sibling:
		note_sibling(shapes, field->form, value, entry);
		break;
	case DW_AT_low_pc:
		reading->has_low = true;
		reading->low = value;
		reading->is_other |= field->form != DW_FORM_addr;
		break;
	case DW_AT_high_pc:
		reading->has_high = true;
		reading->high = value;
		reading->is_length = field->form != DW_FORM_addr;
		reading->is_other |= reading->is_length && !is_number(field->form);
		break;
	case DW_AT_ranges:
		reading->has_list = true;
		reading->list = value;
		reading->is_other |= field->form != DW_FORM_sec_offset &&
				     field->form != DW_FORM_data4 && field->form != DW_FORM_data8;
		break;
	default:
		break;
	}
}

static void conclude(const struct reading *reading, struct dwarf_entry *entry)
{
	if (reading->is_other) {
		entry->code = DWARF_CODE_OTHER;
	} else if (reading->has_low && reading->has_high) {
		entry->code = DWARF_CODE_RANGE;
		entry->low = reading->low;
		entry->high = reading->high + (reading->is_length ? reading->low : 0);
	} else if (reading->has_list) {
		entry->code = DWARF_CODE_LIST;
		entry->low = reading->list;
	} else {
		entry->code = DWARF_CODE_NONE;
	}
}

/* A number that is there, as all of a shape of fixed size are; of 16 bytes nothing. */
static inline uint64_t load(const uint8_t *at, uint32_t size)
{
	struct bytes from = {at, at + size, false};

	switch (size) {
	case 1:
		return *at;
	case 2:
		return bytes_number(&from, 2);
	case 4:
		return bytes_number(&from, 4);
	case 8:
		return bytes_number(&from, 8);
	default:
		return size < 8 ? bytes_number(&from, size) : 0;
	}
}

/* from is at the first attribute, or at this one if they have no fixed size. */
static inline uint64_t value_of(const struct dwarf_shapes *shapes, const struct dwarf_shape *shape,
				const struct dwarf_field *field, struct bytes *from)
{
	if (!shape->is_fixed) {
		if (field->form != DWARF_SKIP)
			return read_form(from, shapes, field->form);
		bytes_skip(from, field->size);
		return 0;
	}
	return field->size ? load(from->at + field->offset, field->size) : 0;
}

/* Reads what is looked for, and moves behind the attributes. */
static void read_fields(const struct dwarf_shapes *shapes, const struct dwarf_shape *shape,
			struct bytes *from, struct dwarf_entry *entry)
{
	const struct dwarf_field *field = &shapes->all_fields[shape->fields];
	const struct dwarf_field *const end = field + shape->n_fields;
	struct reading reading = {};

	for (; field < end; field++)
		note(shapes, field, value_of(shapes, shape, field, from), &reading, entry);
	if (shape->is_fixed)
		from->at += shape->size;
	conclude(&reading, entry);
}

int dwarf_entry_read(struct dwarf_shapes *shapes, const uint8_t *at, struct dwarf_entry *ret)
{
	struct bytes from = {at, shapes->end, false};
	const struct dwarf_shape *shape;
	uint64_t code;
	int r;

	if (at >= shapes->end)
		return -EBADMSG;
	code = bytes_uleb(&from);
	if (from.failed)
		return -EBADMSG;
	*ret = (struct dwarf_entry){.start = at, .behind = from.at};
	if (code == 0)
		return 0;
	if (code < shapes->n_shapes && shapes->shapes[code].is_usable) {
		shape = &shapes->shapes[code];
	} else {
		r = dwarf_shapes_get(shapes, at, code, &shape);
		if (r < 0)
			return r;
	}
	ret->tag = shape->tag;
	ret->has_children = shape->has_children;
	if (shape->is_fixed && shape->size > bytes_left(&from))
		return -EBADMSG;
	if (shape->n_fields > 0)
		read_fields(shapes, shape, &from, ret);
	else
		from.at += shape->size;
	ret->behind = from.at;
	return from.failed ? -EBADMSG : 0;
}

const uint8_t *dwarf_entry_pass(const struct dwarf_shapes *shapes, const uint8_t *at)
{
	/* compilers write codes of one byte or two */
	while (shapes->end - at >= 2) {
		const bool is_long = at[0] & 0x80;
		const size_t code = (at[0] & 0x7fU) | (is_long ? (size_t)at[1] << 7 : 0);
		const struct dwarf_shape *shape;

		if (code >= shapes->n_shapes || (is_long && (at[1] & 0x80)))
			break;
		shape = &shapes->shapes[code];
		if (!shape->is_plain || shape->size > (size_t)(shapes->end - at) - 1 - is_long)
			break;
		at += 1 + is_long + shape->size;
	}
	return at;
}

int dwarf_entry_skip(struct dwarf_shapes *shapes, const struct dwarf_entry *entry,
		     const uint8_t **ret)
{
	struct dwarf_entry child;
	const uint8_t *at = entry->behind;
	size_t depth = entry->has_children ? 1 : 0;

	if (depth > 0 && entry->sibling && entry->sibling >= entry->behind) {
		*ret = entry->sibling;
		return 0;
	}
	while (depth > 0) {
		int r = dwarf_entry_read(shapes, dwarf_entry_pass(shapes, at), &child);

		if (r < 0)
			return r;
		at = child.behind;
		if (child.tag == 0)
			depth--;
		else if (child.has_children && child.sibling && child.sibling >= child.behind)
			at = child.sibling;
		else if (child.has_children)
			depth++;
	}
	*ret = at;
	return 0;
}

static bool is_small(unsigned int form, uint64_t value)
{
	return (is_number(form) || form == DW_FORM_implicit_const) && value < UINT32_MAX;
}

/* False if libdw has to be asked for this attribute. */
static bool note_inlined(const struct dwarf_shapes *shapes, const struct dwarf_field *field,
			 uint64_t value, struct dwarf_inlined *inlined)
{
	switch (field->name) {
	case DW_AT_abstract_origin:
		inlined->origin = shapes->start + value;
		return is_reference(field->form) && value < (uint64_t)(shapes->end - shapes->start);
	case DW_AT_call_file:
		inlined->file = (uint32_t)value;
		return is_small(field->form, value);
	case DW_AT_call_line:
		inlined->line = (uint32_t)value;
		return is_small(field->form, value);
	default:
		return true;
	}
}

bool dwarf_entry_read_inlined(const struct dwarf_shapes *shapes, const uint8_t *at,
			      struct dwarf_inlined *ret)
{
	struct bytes from = {at, shapes->end, false};
	struct dwarf_inlined inlined = {};
	const struct dwarf_shape *shape;
	const uint64_t code = bytes_uleb(&from);

	if (code >= shapes->n_shapes || !shapes->shapes[code].is_usable)
		return false;
	shape = &shapes->shapes[code];
	if (shape->is_fixed && shape->size > bytes_left(&from))
		return false;
	for (uint32_t i = 0; i < shape->n_fields; i++) {
		const struct dwarf_field *field = &shapes->all_fields[shape->fields + i];
		uint64_t value = value_of(shapes, shape, field, &from);

		if (field->form == DW_FORM_implicit_const)
			value = field->offset;
		if (!note_inlined(shapes, field, value, &inlined))
			return false;
	}
	if (from.failed || !inlined.origin)
		return false;
	*ret = inlined;
	return true;
}
