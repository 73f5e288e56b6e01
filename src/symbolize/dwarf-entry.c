/* SPDX-License-Identifier: MIT */
/*
 * dwarf-entry.c: steps through entries.
 *
 * An entry begins with a code; a table says which attributes the entries with this code have, and in which form.
 * libdw looks each attribute up by walking through all that stand before it, and finds the end of an entry by
 * walking through all of them, so that stepping over a function of a thousand entries takes some ten walks for
 * each. Here a code is looked up once: most have nothing but attributes of fixed size, and then an entry is a few
 * loads at known places, and one that nobody looks for is an addition. The table itself is read through libdw.
 *
 * The file may be hostile. Each step goes forward and ends within the unit.
 */
#include "symbolize/dwarf-entry.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>

#include "base/grow.h"
#include "base/macro.h"

enum {
	MAX_CODES = 1 << 16,
	MAX_FIELDS = 128, /* of one code; compilers write some twenty */
	NOT_FIXED = UINT8_MAX,
};

int dwarf_shapes_init(struct dwarf_shapes *shapes, const Dwarf_Die *unit)
{
	Dwarf_Die die = *unit;
	const Dwarf_Off own = dwarf_dieoffset(&die), start = own - dwarf_cuoffset(&die);
	Dwarf *dwarf = dwarf_cu_getdwarf(die.cu);
	Dwarf_Half version;
	uint8_t kind, address_size, offset_size;
	uint64_t signature;
	Dwarf_Off next, type;
	size_t head;
	bool is_apart; /* types had a section of their own in version 4 */

	if (own == (Dwarf_Off)-1 || start > own || !dwarf ||
	    dwarf_cu_info(die.cu, &version, &kind, NULL, NULL, NULL, NULL, NULL) != 0)
		return -EBADMSG;
	is_apart = version < 5 && kind == DW_UT_type;
	if (dwarf_next_unit(dwarf, start, &next, &head, &version, NULL, &address_size, &offset_size,
			    is_apart ? &signature : NULL, is_apart ? &type : NULL) != 0 ||
	    next <= own)
		return -EBADMSG;
	*shapes = (struct dwarf_shapes){
		.unit = die,
		.start = (const uint8_t *)die.addr - (own - start),
		.end = (const uint8_t *)die.addr + (next - own),
		.version = (uint8_t)version,
		.address_size = address_size,
		.offset_size = offset_size,
	};
	return 0;
}

void dwarf_shapes_deinit(struct dwarf_shapes *shapes)
{
	free(shapes->shapes);
	free(shapes->all_fields);
	*shapes = (struct dwarf_shapes){};
}

static uint8_t fixed_size(const struct dwarf_shapes *shapes, unsigned int form)
{
	switch (form) {
	case DW_FORM_flag_present:
	case DW_FORM_implicit_const:
		return 0;
	case DW_FORM_data1:
	case DW_FORM_ref1:
	case DW_FORM_flag:
	case DW_FORM_strx1:
	case DW_FORM_addrx1:
		return 1;
	case DW_FORM_data2:
	case DW_FORM_ref2:
	case DW_FORM_strx2:
	case DW_FORM_addrx2:
		return 2;
	case DW_FORM_strx3:
	case DW_FORM_addrx3:
		return 3;
	case DW_FORM_data4:
	case DW_FORM_ref4:
	case DW_FORM_strx4:
	case DW_FORM_addrx4:
	case DW_FORM_ref_sup4:
		return 4;
	case DW_FORM_data8:
	case DW_FORM_ref8:
	case DW_FORM_ref_sig8:
	case DW_FORM_ref_sup8:
		return 8;
	case DW_FORM_data16:
		return 16;
	case DW_FORM_addr:
		return shapes->address_size;
	case DW_FORM_ref_addr:
		return shapes->version <= 2 ? shapes->address_size : shapes->offset_size;
	case DW_FORM_strp:
	case DW_FORM_line_strp:
	case DW_FORM_strp_sup:
	case DW_FORM_sec_offset:
	case DW_FORM_GNU_ref_alt:
	case DW_FORM_GNU_strp_alt:
		return shapes->offset_size;
	default:
		return NOT_FIXED;
	}
}

/* Steps over a value; of a number that fits, the number. */
static uint64_t read_form(struct bytes *from, const struct dwarf_shapes *shapes, unsigned int form)
{
	const uint8_t size = fixed_size(shapes, form);

	if (size <= 8)
		return bytes_number(from, size);
	if (size != NOT_FIXED) {
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

static bool is_looked_for(unsigned int name)
{
	return name == DW_AT_sibling || name == DW_AT_low_pc || name == DW_AT_high_pc ||
	       name == DW_AT_ranges;
}

/* The attributes of a code. */
struct attributes {
	const struct dwarf_shapes *shapes;
	struct dwarf_field fields[MAX_FIELDS];
	size_t n;
	uint32_t size;
	bool is_fixed;
};

static int add_attribute(Dwarf_Attribute *attribute, void *data)
{
	struct attributes *attributes = data;
	const unsigned int name = dwarf_whatattr(attribute), form = dwarf_whatform(attribute);
	const uint8_t size = fixed_size(attributes->shapes, form);

	if (attributes->n >= MAX_FIELDS)
		return DWARF_CB_ABORT;
	attributes->fields[attributes->n++] =
		(struct dwarf_field){(uint16_t)MIN(name, (unsigned)UINT16_MAX),
				     (uint16_t)MIN(form, (unsigned)UINT16_MAX), attributes->size};
	if (size == NOT_FIXED)
		attributes->is_fixed = false;
	else
		attributes->size += size;
	return DWARF_CB_OK;
}

/* Those that are not looked for go if all sizes are fixed. */
static int keep_attributes(struct dwarf_shapes *shapes, struct dwarf_shape *shape,
			   const struct attributes *attributes)
{
	shape->is_fixed = attributes->is_fixed;
	shape->size = attributes->size;
	shape->fields = (uint32_t)shapes->n_fields;
	for (size_t i = 0; i < attributes->n; i++) {
		if (shape->is_fixed && !is_looked_for(attributes->fields[i].name))
			continue;
		if (GROW(shapes->all_fields, shapes->n_fields) < 0)
			return -ENOMEM;
		shapes->all_fields[shapes->n_fields++] = attributes->fields[i];
		shape->n_fields++;
	}
	shape->is_usable = true;
	return 0;
}

/* Asks libdw once for what the entries with the code of the one at an address look like. */
static int learn(struct dwarf_shapes *shapes, const uint8_t *at, struct dwarf_shape *shape)
{
	Dwarf_Die die = {.addr = (void *)at, .cu = shapes->unit.cu};
	struct attributes attributes = {.shapes = shapes, .is_fixed = true};
	const int tag = dwarf_tag(&die);

	shape->is_known = true;
	if (tag == DW_TAG_invalid || dwarf_getattrs(&die, add_attribute, &attributes, 0) != 1)
		return 0;
	shape->tag = (uint16_t)MIN(tag, UINT16_MAX);
	shape->has_children = dwarf_haschildren(&die) > 0;
	return keep_attributes(shapes, shape, &attributes);
}

static int get_shape(struct dwarf_shapes *shapes, const uint8_t *at, uint64_t code,
		     const struct dwarf_shape **ret)
{
	int r;

	if (code >= MAX_CODES)
		return -EBADMSG;
	while (code >= shapes->n_shapes) {
		if (GROW(shapes->shapes, shapes->n_shapes) < 0)
			return -ENOMEM;
		shapes->shapes[shapes->n_shapes++] = (struct dwarf_shape){};
	}
	if (!shapes->shapes[code].is_known) {
		r = learn(shapes, at, &shapes->shapes[code]);
		if (r < 0)
			return r;
	}
	*ret = &shapes->shapes[code];
	return (*ret)->is_usable ? 0 : -EBADMSG;
}

/* What is known of an entry's code while its attributes are read. */
struct reading {
	bool has_low, has_high, has_list, is_other;
	bool is_length; /* high counts from low */
	uint64_t low, high, list;
};

static void note_sibling(const struct dwarf_shapes *shapes, unsigned int form, uint64_t value,
			 struct dwarf_entry *entry)
{
	const uint64_t size = (uint64_t)(shapes->end - shapes->start);

	if ((form == DW_FORM_ref1 || form == DW_FORM_ref2 || form == DW_FORM_ref4 ||
	     form == DW_FORM_ref8 || form == DW_FORM_ref_udata) &&
	    value < size && shapes->start + value > entry->start)
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

/* Reads what is looked for, and moves behind the attributes. */
static void read_fields(struct dwarf_shapes *shapes, const struct dwarf_shape *shape,
			struct bytes *from, struct dwarf_entry *entry)
{
	const struct dwarf_field *fields = &shapes->all_fields[shape->fields];
	struct reading reading = {};

	for (size_t i = 0; i < shape->n_fields; i++) {
		struct bytes place = *from;
		uint64_t value;

		if (shape->is_fixed)
			place.at += fields[i].offset;
		value = read_form(&place, shapes, fields[i].form);
		note(shapes, &fields[i], value, &reading, entry);
		if (!shape->is_fixed)
			*from = place;
	}
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
		r = get_shape(shapes, at, code, &shape);
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
		int r = dwarf_entry_read(shapes, at, &child);

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
