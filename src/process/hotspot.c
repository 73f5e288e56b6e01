/* SPDX-License-Identifier: MIT */
/*
 * hotspot.c: five symbols of libjvm.so are pointers to tables:
 *
 *	gHotSpotVMStructs	type, field, type of the field, is static, offset or address
 *	gHotSpotVMTypes		type, what it is derived from, what sort it is, size
 *	gHotSpotVMIntConstants, gHotSpotVMLongConstants		name, value
 *	JVMFlag::flags		(found in the first): the options, name and address of the value
 *
 * Names are pointers, too, to strings that lie close together. The tables have some 5,000 entries, so
 * the pages of the strings are kept while they are read. Each entry gets into a map under the hash of its
 * whole name; a name that is asked for and is not there was never found under another's, since hashes
 * have 64 bits.
 */
#include "process/hotspot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/map.h"
#include "process/inject-modules.h"

enum {
	ENTRIES_MAX = 20000,
	ENTRIES_AT_ONCE = 256,
	FLAGS_MAX = 4000,
	NAME_SIZE = 128,
	PAGES_SHIFT = 14, /* of strings that are kept */
};

struct entry {
	uint64_t type, field, field_type;
	int32_t is_static, unused;
	uint64_t offset, address;
};
struct type_entry {
	uint64_t name, super;
	int32_t is_oop, is_integer, is_unsigned, unused;
	uint64_t size;
};
struct constant_entry {
	uint64_t name;
	uint64_t value; /* the lower 32 bits of it, of an int */
};

struct hotspot {
	struct memory *memory;
	struct map statics, offsets, sizes, constants, flags; /* by hash of the name */
	struct map pages; /* of strings, while tables are read */
	bool has_flags;
};

static uint64_t hash(const char *type, const char *field)
{
	char name[2 * NAME_SIZE];
	const int n = snprintf(name, sizeof(name), "%s::%s", type, field);

	return map_hash_bytes(name, MIN((size_t)n, sizeof(name) - 1));
}

bool hotspot_read(const struct hotspot *hotspot, uint64_t address, void *buffer, size_t size)
{
	return address && memory_read(hotspot->memory, address, buffer, size) >= 0;
}

bool hotspot_pointer(const struct hotspot *hotspot, uint64_t address, uint64_t *ret)
{
	return hotspot_read(hotspot, address, ret, sizeof(*ret)) && *ret;
}

bool hotspot_field(const struct hotspot *hotspot, uint64_t address, const char *type,
		   const char *field, uint64_t *ret)
{
	const uint64_t offset = hotspot_offset(hotspot, type, field);

	return offset != HOTSPOT_NONE && hotspot_pointer(hotspot, address + offset, ret);
}

/* The kept piece of memory that begins at address; NULL if it is not there. */
static const char *get_page(struct hotspot *hotspot, uint64_t number)
{
	char *page = map_get_ptr(&hotspot->pages, number);

	if (page)
		return page;
	page = malloc(1 << PAGES_SHIFT);
	if (!page)
		return NULL;
	if (!hotspot_read(hotspot, number << PAGES_SHIFT, page, 1 << PAGES_SHIFT) ||
	    map_set(&hotspot->pages, number, (uint64_t)(uintptr_t)page) < 0) {
		free(page);
		return NULL;
	}
	return page;
}

static void drop_pages(struct hotspot *hotspot)
{
	map_for_each (entry, &hotspot->pages)
		free((void *)(uintptr_t)entry->value);
	map_deinit(&hotspot->pages);
}

/* A string; false if it is not there or longer than a name is. */
static bool read_name(struct hotspot *hotspot, uint64_t address, char name[static NAME_SIZE])
{
	const uint64_t at = address & ((1 << PAGES_SHIFT) - 1);
	const char *page = address ? get_page(hotspot, address >> PAGES_SHIFT) : NULL;

	if (page && at + NAME_SIZE <= 1 << PAGES_SHIFT)
		memcpy(name, page + at, NAME_SIZE);
	else if (!hotspot_read(hotspot, address, name, NAME_SIZE))
		return false;
	return memchr(name, 0, NAME_SIZE) && name[0];
}

static int add_field(struct hotspot *hotspot, const void *bytes)
{
	const struct entry *entry = bytes;
	char type[NAME_SIZE], field[NAME_SIZE];

	if (!entry->type)
		return 0;
	if (!read_name(hotspot, entry->type, type) || !read_name(hotspot, entry->field, field))
		return 1;
	return map_add(entry->is_static ? &hotspot->statics : &hotspot->offsets, hash(type, field),
		       entry->is_static ? entry->address : entry->offset, NULL) < 0
		       ? -ENOMEM
		       : 1;
}

static int add_type(struct hotspot *hotspot, const void *bytes)
{
	const struct type_entry *entry = bytes;
	char name[NAME_SIZE];

	if (!entry->name)
		return 0;
	if (!read_name(hotspot, entry->name, name))
		return 1;
	return map_add(&hotspot->sizes, hash(name, ""), entry->size, NULL) < 0 ? -ENOMEM : 1;
}

static int add_constant(struct hotspot *hotspot, const void *bytes)
{
	const struct constant_entry *entry = bytes;
	char name[NAME_SIZE];

	if (!entry->name)
		return 0;
	if (!read_name(hotspot, entry->name, name))
		return 1;
	return map_add(&hotspot->constants, hash(name, ""), entry->value, NULL) < 0 ? -ENOMEM : 1;
}

static int add_int_constant(struct hotspot *hotspot, const void *bytes)
{
	struct constant_entry entry = *(const struct constant_entry *)bytes;

	entry.value = (uint64_t)(int64_t)(int32_t)(uint32_t)entry.value;
	return add_constant(hotspot, &entry);
}

static const struct table {
	const char *symbol, *stride;
	size_t size;
	/* 1: it was taken; 0: it is the end */
	int (*add)(struct hotspot *hotspot, const void *entry);
} tables[] = {
	{"gHotSpotVMStructs", "gHotSpotVMStructEntryArrayStride", sizeof(struct entry), add_field},
	{"gHotSpotVMTypes", "gHotSpotVMTypeEntryArrayStride", sizeof(struct type_entry), add_type},
	{"gHotSpotVMIntConstants", "gHotSpotVMIntConstantEntryArrayStride",
	 sizeof(struct constant_entry), add_int_constant},
	{"gHotSpotVMLongConstants", "gHotSpotVMLongConstantEntryArrayStride",
	 sizeof(struct constant_entry), add_constant},
};

static int read_table(struct hotspot *hotspot, const struct table *table, uint64_t start)
{
	_cleanup_free_ char *bytes = malloc(ENTRIES_AT_ONCE * table->size);
	size_t n = ENTRIES_AT_ONCE;

	if (!bytes)
		return -ENOMEM;
	for (size_t i = 0; i < ENTRIES_MAX; i++) {
		const size_t at = i % n;
		int r;

		/* the end of the table may be close to the end of the mapping */
		if (at == 0 &&
		    !hotspot_read(hotspot, start + i * table->size, bytes, n * table->size)) {
			if (n == 1)
				return -ENODATA;
			n = 1;
			i--;
			continue;
		}
		r = table->add(hotspot, bytes + at * table->size);
		if (r <= 0)
			return r;
	}
	return -ENODATA;
}

static const struct inject_module *find_library(const struct inject_modules *modules)
{
	for (size_t i = 0; i < modules->n_modules; i++)
		if (strncmp(modules->modules[i].name, "libjvm.so", 9) == 0)
			return &modules->modules[i];
	return NULL;
}

static uint64_t find_symbol(const struct inject_module *module, const char *name)
{
	for (size_t i = 0; i < module->n_symbols; i++) {
		const Elf64_Sym *symbol = &module->symbols[i];

		if (symbol->st_value && strcmp(inject_module_name_of(module, symbol), name) == 0)
			return module->bias + symbol->st_value;
	}
	return 0;
}

static int read_tables(struct hotspot *hotspot, const struct inject_module *library)
{
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		uint64_t start, stride;
		int r;

		if (!hotspot_pointer(hotspot, find_symbol(library, tables[i].symbol), &start) ||
		    !hotspot_pointer(hotspot, find_symbol(library, tables[i].stride), &stride) ||
		    stride != tables[i].size)
			return -ENODATA;
		r = read_table(hotspot, &tables[i], start);
		if (r < 0)
			return r;
	}
	return 0;
}

static int open_with(struct hotspot *hotspot, const struct inject_modules *modules)
{
	const struct inject_module *library = find_library(modules);
	int r = library ? read_tables(hotspot, library) : -ENODATA;

	drop_pages(hotspot);
	return r;
}

int hotspot_open(const struct space *space, struct hotspot **ret)
{
	_cleanup_(hotspot_freep) struct hotspot *hotspot = NULL;
	struct inject_modules modules = {};
	int r;

	/* the loader's list of modules is asked for by the process's id */
	if (!space->pid)
		return -ENODATA;
	hotspot = calloc(1, sizeof(*hotspot));
	if (!hotspot)
		return -ENOMEM;
	hotspot->memory = space->memory;
	r = inject_modules_read(space->pid, space->memory, space->maps, &modules);
	if (r < 0)
		return r;
	r = open_with(hotspot, &modules);
	inject_modules_deinit(&modules);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(hotspot);
	return 0;
}

struct hotspot *hotspot_free(struct hotspot *hotspot)
{
	if (!hotspot)
		return NULL;
	drop_pages(hotspot);
	map_deinit(&hotspot->statics);
	map_deinit(&hotspot->offsets);
	map_deinit(&hotspot->sizes);
	map_deinit(&hotspot->constants);
	map_deinit(&hotspot->flags);
	free(hotspot);
	return NULL;
}

uint64_t hotspot_static(const struct hotspot *hotspot, const char *type, const char *field)
{
	return map_get(&hotspot->statics, hash(type, field), 0);
}

uint64_t hotspot_offset(const struct hotspot *hotspot, const char *type, const char *field)
{
	return map_get(&hotspot->offsets, hash(type, field), HOTSPOT_NONE);
}

uint64_t hotspot_size(const struct hotspot *hotspot, const char *type)
{
	return map_get(&hotspot->sizes, hash(type, ""), 0);
}

bool hotspot_constant(const struct hotspot *hotspot, const char *name, uint64_t *ret)
{
	const uint64_t *value = map_find(&hotspot->constants, hash(name, ""));

	if (value)
		*ret = *value;
	return value;
}

static void read_flags(struct hotspot *hotspot)
{
	const uint64_t size = hotspot_size(hotspot, "JVMFlag");
	const uint64_t name_at = hotspot_offset(hotspot, "JVMFlag", "_name");
	const uint64_t value_at = hotspot_offset(hotspot, "JVMFlag", "_addr");
	uint64_t start, n;

	if (size == 0 || size > 256 || name_at > size - 8 || value_at > size - 8 ||
	    !hotspot_pointer(hotspot, hotspot_static(hotspot, "JVMFlag", "flags"), &start) ||
	    !hotspot_pointer(hotspot, hotspot_static(hotspot, "JVMFlag", "numFlags"), &n))
		return;
	for (uint64_t i = 0; i < MIN(n, (uint64_t)FLAGS_MAX); i++) {
		char bytes[256], name[NAME_SIZE];
		uint64_t words[2];

		if (!hotspot_read(hotspot, start + i * size, bytes, size))
			break;
		memcpy(&words[0], bytes + name_at, sizeof(words[0]));
		memcpy(&words[1], bytes + value_at, sizeof(words[1]));
		if (words[0] && words[1] && read_name(hotspot, words[0], name))
			(void)map_set(&hotspot->flags, hash(name, ""), words[1]);
	}
	drop_pages(hotspot);
}

bool hotspot_flag(struct hotspot *hotspot, const char *name, uint64_t *ret)
{
	uint64_t at;

	if (!hotspot->has_flags)
		read_flags(hotspot);
	hotspot->has_flags = true;
	at = map_get(&hotspot->flags, hash(name, ""), 0);
	return hotspot_read(hotspot, at, ret, sizeof(*ret));
}

bool hotspot_flag_is(struct hotspot *hotspot, const char *name, bool or_else)
{
	uint64_t value;

	return hotspot_flag(hotspot, name, &value) ? (value & 0xff) != 0 : or_else;
}
