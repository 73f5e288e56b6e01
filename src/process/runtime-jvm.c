/* SPDX-License-Identifier: MIT */
/*
 * runtime-jvm.c: gHotSpotVMStructs is a table of 48 bytes an entry: names of a type, a field and its type,
 * whether it is static, its offset or its address; a type name of NULL ends it. Of it are taken
 *
 *	Universe::_collectedHeap           the heap's object, and in it CollectedHeap::_reserved
 *	CodeCache::_low_bound, _high_bound
 *	CompressedKlassPointers::_narrow_klass._base
 *
 * From the base of compressed class pointers on lie the archive of classes and the class space, which is
 * 1 GiB unless the user says otherwise: its anonymous mappings follow one another without a gap.
 */
#include "process/runtime-jvm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "process/inject-modules.h"

enum { ENTRIES_MAX = 20000, NAME_MAX_JVM = 64 };
static const uint64_t class_space_max = (1ull << 30) + (64ull << 20);

struct entry {
	uint64_t type, field, field_type;
	int32_t is_static, unused;
	uint64_t offset, address;
};

/* What is looked for: for statics the address, else the offset. */
enum { HEAP_OBJECT, HEAP_RESERVED, CODE_LOW, CODE_HIGH, CLASS_BASE, N_FIELDS };
static const struct {
	const char *type, *field;
} wanted[N_FIELDS] = {
	[HEAP_OBJECT] = {"Universe", "_collectedHeap"},
	[HEAP_RESERVED] = {"CollectedHeap", "_reserved"},
	[CODE_LOW] = {"CodeCache", "_low_bound"},
	[CODE_HIGH] = {"CodeCache", "_high_bound"},
	[CLASS_BASE] = {"CompressedKlassPointers", "_narrow_klass._base"},
};

static uint64_t find_symbol(const struct inject_modules *modules, const char *name)
{
	for (size_t i = 0; i < modules->n_modules; i++) {
		const struct inject_module *module = &modules->modules[i];

		if (strncmp(module->name, "libjvm", 6) != 0)
			continue;
		for (size_t k = 0; k < module->n_symbols; k++) {
			const Elf64_Sym *symbol = &module->symbols[k];

			if (symbol->st_value && symbol->st_name < module->strings_size &&
			    strcmp(module->strings + symbol->st_name, name) == 0)
				return module->bias + symbol->st_value;
		}
	}
	return 0;
}

static bool read_word(struct memory *memory, uint64_t address, uint64_t *ret)
{
	return address && memory_read(memory, address, ret, sizeof(*ret)) >= 0;
}

static bool is_name(struct memory *memory, uint64_t address, const char *name)
{
	char text[NAME_MAX_JVM];
	const size_t size = strlen(name) + 1;

	return address && size <= sizeof(text) && memory_read(memory, address, text, size) >= 0 &&
	       memcmp(text, name, size) == 0;
}

static void read_fields(struct memory *memory, uint64_t table, uint64_t *fields)
{
	for (unsigned n = 0; n < ENTRIES_MAX; n++) {
		struct entry entry;

		if (memory_read(memory, table + n * sizeof(entry), &entry, sizeof(entry)) < 0 ||
		    !entry.type)
			return;
		for (unsigned i = 0; i < N_FIELDS; i++)
			if (!fields[i] && is_name(memory, entry.type, wanted[i].type) &&
			    is_name(memory, entry.field, wanted[i].field))
				fields[i] = entry.is_static ? entry.address : entry.offset;
	}
}

static int add(struct areas *areas, uint64_t start, uint64_t end, enum area_kind kind)
{
	struct area *area;

	if (start >= end || start % MEMORY_PAGE_SIZE || end - start > 1ull << 46)
		return 0;
	area = areas_add(areas);
	if (!area)
		return -ENOMEM;
	area->start = start;
	area->end = ALIGN_UP(end, (uint64_t)MEMORY_PAGE_SIZE);
	area->kind = kind;
	return 0;
}

static int add_heap(struct memory *memory, const uint64_t *fields, struct areas *areas)
{
	uint64_t heap, reserved[2]; /* address, words */

	if (!fields[HEAP_RESERVED] || !read_word(memory, fields[HEAP_OBJECT], &heap) || !heap ||
	    memory_read(memory, heap + fields[HEAP_RESERVED], reserved, sizeof(reserved)) < 0)
		return 0;
	return add(areas, reserved[0], reserved[0] + reserved[1] * 8, AREA_JVM_HEAP);
}

static int add_classes(const struct space *space, uint64_t base, struct areas *areas)
{
	uint64_t end = base;

	for (size_t i = 0; i < space->maps->n_mappings; i++) {
		const struct mapping *mapping = &space->maps->mappings[i];

		if (mapping->end <= base)
			continue;
		if (mapping->start > end || mapping->exec || mapping->end - base > class_space_max)
			break;
		end = mapping->end;
	}
	return add(areas, base, end, AREA_JVM_CLASSES);
}

static int add_ranges(const struct space *space, const uint64_t *fields, struct areas *areas)
{
	uint64_t low, high, base;
	int r = add_heap(space->memory, fields, areas);

	if (r >= 0 && read_word(space->memory, fields[CODE_LOW], &low) &&
	    read_word(space->memory, fields[CODE_HIGH], &high))
		r = add(areas, low, high, AREA_JVM_CODE);
	if (r >= 0 && read_word(space->memory, fields[CLASS_BASE], &base) && base)
		r = add_classes(space, base, areas);
	return r;
}

int runtime_jvm_find(const struct space *space, struct areas *areas)
{
	struct inject_modules modules = {};
	uint64_t fields[N_FIELDS] = {}, table, stride = 0;
	int r;

	/* the loader's list of modules is asked for by the process's id */
	if (!space->pid ||
	    inject_modules_read(space->pid, space->memory, space->maps, &modules) < 0)
		return 0;
	if (!read_word(space->memory, find_symbol(&modules, "gHotSpotVMStructs"), &table))
		table = 0;
	(void)read_word(space->memory, find_symbol(&modules, "gHotSpotVMStructEntryArrayStride"),
			&stride);
	if (table && stride == sizeof(struct entry))
		read_fields(space->memory, table, fields);
	r = add_ranges(space, fields, areas);
	inject_modules_deinit(&modules);
	return r;
}
