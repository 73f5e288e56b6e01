/* SPDX-License-Identifier: MIT */
/*
 * dwarf-shape.c: each code of a unit is looked up once, through libdw. Of its attributes only those are kept that
 * somebody looks for: where all have a fixed size they stand at known places, and else what lies between them is
 * one step. A constant stands in the table and not in the entries, so it is kept with the shape.
 */
#include "symbolize/dwarf-shape.h"

#include <dwarf.h>
#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/macro.h"

enum {
	MAX_CODES = 1 << 16,
	MAX_FIELDS = 128, /* of one code; compilers write some twenty */
};

/* How much of the section that holds the entries there is from an address in it on; 0 if that is none. */
static uint64_t left_in_section(Dwarf *dwarf, const uint8_t *at)
{
	Elf *elf = dwarf_getelf(dwarf);
	size_t names;

	if (!elf || elf_getshdrstrndx(elf, &names) != 0)
		return 0;
	for (Elf_Scn *section = elf_nextscn(elf, NULL); section;
	     section = elf_nextscn(elf, section)) {
		GElf_Shdr header;
		const char *name;
		const Elf_Data *data;

		if (!gelf_getshdr(section, &header) || header.sh_type == SHT_NOBITS)
			continue;
		/* with .dwo, or of the compressed kind that begins with .zdebug, too */
		name = elf_strptr(elf, names, header.sh_name);
		if (!name || (!strstr(name, "debug_info") && !strstr(name, "debug_types")))
			continue;
		data = elf_rawdata(section, NULL);
		if (data && data->d_buf && (uintptr_t)at - (uintptr_t)data->d_buf < data->d_size)
			return data->d_size - ((uintptr_t)at - (uintptr_t)data->d_buf);
	}
	return 0;
}

/*
 * The size of a unit from its first entry on, where the next unit would be. Its head may say anything: that it ends
 * within the section is certain where another one follows.
 */
static uint64_t bound_size(Dwarf *dwarf, const Dwarf_Die *die, uint64_t size, Dwarf_Off next,
			   bool is_apart)
{
	Dwarf_Off behind, type;
	uint64_t signature;
	size_t head;

	if (dwarf_next_unit(dwarf, next, &behind, &head, NULL, NULL, NULL, NULL,
			    is_apart ? &signature : NULL, is_apart ? &type : NULL) == 0)
		return size;
	return MIN(size, left_in_section(dwarf, die->addr));
}

int dwarf_shapes_init(struct dwarf_shapes *shapes, const Dwarf_Die *unit)
{
	Dwarf_Die die = *unit;
	const Dwarf_Off own = dwarf_dieoffset(&die), start = own - dwarf_cuoffset(&die);
	Dwarf *dwarf = dwarf_cu_getdwarf(die.cu);
	Dwarf_Half version;
	uint8_t kind, address_size, offset_size;
	uint64_t signature;
	Dwarf_Off next, type;
	uint64_t size;
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
	size = bound_size(dwarf, &die, next - own, next, is_apart);
	if (size == 0)
		return -EBADMSG;
	*shapes = (struct dwarf_shapes){
		.unit = die,
		.start = (const uint8_t *)die.addr - (own - start),
		.end = (const uint8_t *)die.addr + size,
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

uint8_t dwarf_shapes_size(const struct dwarf_shapes *shapes, unsigned int form)
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
		return DWARF_NOT_FIXED;
	}
}

static bool is_looked_for(unsigned int name, unsigned int tag)
{
	switch (name) {
	case DW_AT_sibling:
	case DW_AT_low_pc:
	case DW_AT_high_pc:
	case DW_AT_ranges:
		return true;
	case DW_AT_abstract_origin:
	case DW_AT_call_file:
	case DW_AT_call_line:
		return tag == DW_TAG_inlined_subroutine;
	default:
		return false;
	}
}

/* The attributes of a code. */
struct attributes {
	const struct dwarf_shapes *shapes;
	struct dwarf_field fields[MAX_FIELDS];
	size_t n;
	uint32_t size;
	bool is_fixed;
};

/* It stands in the table and not in the entries. UINT32_MAX: none of these. */
static uint32_t constant_of(Dwarf_Attribute *attribute)
{
	Dwarf_Word value;

	return dwarf_formudata(attribute, &value) == 0 && value < UINT32_MAX ? (uint32_t)value
									     : UINT32_MAX;
}

static int add_attribute(Dwarf_Attribute *attribute, void *data)
{
	struct attributes *attributes = data;
	const unsigned int name = dwarf_whatattr(attribute), form = dwarf_whatform(attribute);
	const uint8_t size = dwarf_shapes_size(attributes->shapes, form);

	if (attributes->n >= MAX_FIELDS)
		return DWARF_CB_ABORT;
	attributes->fields[attributes->n++] = (struct dwarf_field){
		.name = (uint16_t)MIN(name, (unsigned)UINT16_MAX),
		.form = (uint16_t)MIN(form, (unsigned)UINT16_MAX),
		.offset =
			form == DW_FORM_implicit_const ? constant_of(attribute) : attributes->size,
		.size = size,
	};
	if (size == DWARF_NOT_FIXED)
		attributes->is_fixed = false;
	else
		attributes->size += size;
	return DWARF_CB_OK;
}

static int keep(struct dwarf_shapes *shapes, struct dwarf_shape *shape,
		const struct dwarf_field *field)
{
	if (GROW(shapes->all_fields, shapes->n_fields) < 0)
		return -ENOMEM;
	shapes->all_fields[shapes->n_fields++] = *field;
	shape->n_fields++;
	return 0;
}

/* One step over what nobody looks at; none is needed where all places are known. */
static int keep_skipped(struct dwarf_shapes *shapes, struct dwarf_shape *shape, uint32_t *size)
{
	const struct dwarf_field field = {.name = DWARF_SKIP, .form = DWARF_SKIP, .size = *size};

	*size = 0;
	return field.size == 0 || shape->is_fixed ? 0 : keep(shapes, shape, &field);
}

/* Of what is not looked for nothing is kept if all sizes are fixed, else how much is to be skipped. */
static int keep_attributes(struct dwarf_shapes *shapes, struct dwarf_shape *shape,
			   const struct attributes *attributes)
{
	uint32_t skipped = 0;
	int r = 0;

	shape->is_fixed = attributes->is_fixed;
	shape->size = attributes->size;
	shape->fields = (uint32_t)shapes->n_fields;
	for (size_t i = 0; i < attributes->n; i++) {
		const struct dwarf_field *field = &attributes->fields[i];

		if (is_looked_for(field->name, shape->tag) || field->size == DWARF_NOT_FIXED)
			r = keep_skipped(shapes, shape, &skipped) ?: keep(shapes, shape, field);
		else
			skipped += field->size;
		if (r < 0)
			return r;
	}
	r = keep_skipped(shapes, shape, &skipped);
	if (r < 0)
		return r;
	shape->is_plain = shape->is_fixed && shape->n_fields == 0 && !shape->has_children;
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

int dwarf_shapes_get(struct dwarf_shapes *shapes, const uint8_t *at, uint64_t code,
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
