/* SPDX-License-Identifier: MIT */
/*
 * hotspot-layout.c: reading HotSpot's tables of its own fields.
 *
 * Context: any thread, inside malloc; once a process, or again after modules were loaded. The library is
 * found in the loader's list, by its name; its symbols by its hash table, as the loader does. A pc of no
 * module is on the stack, which only code that the machine has made can be: so the library stays.
 */
#include "agent/core/hotspot-layout.h"

#include <elf.h>

#include "agent/core/loader-list.h"
#include "agent/core/modules.h"
#include "agent/core/sys.h"

enum { ENTRIES_MAX = 20000, DYNAMIC_MAX = 128, CHAIN_MAX = 4096, PAGE = 4096 };

/* Elements of gHotSpotVMStructs and gHotSpotVMTypes; strings end with zero. */
struct layout_field {
	const char *type, *field, *field_type;
	int32_t is_static, unused;
	uint64_t offset;
	uint64_t address;
};
struct layout_type {
	const char *name, *super;
	int32_t is_oop, is_integer, is_unsigned, unused;
	uint64_t size;
};

static const struct {
	const char *type, *field; /* field NULL: the type's size */
} wanted[HOTSPOT_N_ITEMS] = {
	[HOTSPOT_HEAPS] = {"CodeCache", "_heaps"},
	[HOTSPOT_ENTRY_STUB] = {"StubRoutines", "_call_stub_return_address"},
	[HOTSPOT_INTERPRETER] = {"AbstractInterpreter", "_code"},
	[HOTSPOT_ARRAY_LENGTH] = {"GrowableArrayBase", "_len"},
	[HOTSPOT_ARRAY_DATA] = {"GrowableArray<int>", "_data"},
	[HOTSPOT_HEAP_MEMORY] = {"CodeHeap", "_memory"},
	[HOTSPOT_HEAP_SEGMENTS] = {"CodeHeap", "_segmap"},
	[HOTSPOT_HEAP_LOG2] = {"CodeHeap", "_log2_segment_size"},
	[HOTSPOT_SPACE_LOW] = {"VirtualSpace", "_low"},
	[HOTSPOT_SPACE_HIGH] = {"VirtualSpace", "_high"},
	[HOTSPOT_SPACE_LIMIT] = {"VirtualSpace", "_high_boundary"},
	[HOTSPOT_BLOCK_USED] = {"HeapBlock::Header", "_used"},
	[HOTSPOT_BLOB_FRAME_SIZE] = {"CodeBlob", "_frame_size"},
	[HOTSPOT_QUEUE_BUFFER] = {"StubQueue", "_stub_buffer"},
	[HOTSPOT_QUEUE_LIMIT] = {"StubQueue", "_buffer_limit"},
	[HOTSPOT_BLOCK_SIZE] = {"HeapBlock", NULL},
};

/* JDK 11 has the length of its arrays in another class. */
static const char old_array[] = "GenericGrowableArray";

/* The parts of a dynamic section that lead to a symbol. */
struct symbols {
	uintptr_t bias;
	const Elf64_Sym *table;
	const char *strings;
	const uint32_t *hash;
};

static bool is_same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static bool read_dynamic(const struct loader_map *map, struct symbols *ret)
{
	const Elf64_Dyn *dynamic = map->l_ld;

	*ret = (struct symbols){.bias = map->l_addr};
	for (unsigned i = 0; i < DYNAMIC_MAX; i++) {
		uintptr_t value;

		if (!sys_is_readable((uintptr_t)&dynamic[i], sizeof(dynamic[i])) ||
		    dynamic[i].d_tag == DT_NULL)
			break;
		value = dynamic[i].d_un.d_ptr;
		/* glibc has added the bias already */
		if (value < map->l_addr)
			value += map->l_addr;
		if (dynamic[i].d_tag == DT_SYMTAB)
			ret->table = (const Elf64_Sym *)value;
		else if (dynamic[i].d_tag == DT_STRTAB)
			ret->strings = (const char *)value;
		else if (dynamic[i].d_tag == DT_GNU_HASH)
			ret->hash = (const uint32_t *)value;
	}
	return ret->table && ret->strings && ret->hash &&
	       sys_is_readable((uintptr_t)ret->table, PAGE) &&
	       sys_is_readable((uintptr_t)ret->strings, 1) &&
	       sys_is_readable((uintptr_t)ret->hash, 16);
}

/* The address of the symbol, by DT_GNU_HASH: buckets, then for each a chain whose end has bit 0. */
static uintptr_t find_symbol(const struct symbols *symbols, const char *name)
{
	const uint32_t n_buckets = symbols->hash[0], first = symbols->hash[1];
	const uint32_t n_bloom = symbols->hash[2];
	const uint32_t *buckets = symbols->hash + 4 + 2ull * n_bloom, *chain = buckets + n_buckets;
	uint32_t hash = 5381, index;

	for (const char *c = name; *c; c++)
		hash = hash * 33 + (uint8_t)*c;
	if (n_buckets == 0)
		return 0;
	index = buckets[hash % n_buckets];
	for (unsigned i = 0; index >= first && i < CHAIN_MAX; i++, index++) {
		const uint32_t value = chain[index - first];
		const Elf64_Sym *symbol = &symbols->table[index];

		if ((value | 1) == (hash | 1) && symbol->st_value &&
		    is_same(symbols->strings + symbol->st_name, name))
			return symbols->bias + symbol->st_value;
		if (value & 1)
			break;
	}
	return 0;
}

/* What the symbol, a pointer or a number, holds; 0 if it is not there. */
static uint64_t read_symbol(const struct symbols *symbols, const char *name)
{
	const uintptr_t at = find_symbol(symbols, name);

	return at && sys_is_readable(at, 8) ? *(const volatile uint64_t *)at : 0;
}

static void take_field(const struct layout_field *entry, uint64_t *items)
{
	for (unsigned i = 0; i < HOTSPOT_N_ITEMS; i++) {
		const char *type = wanted[i].type;

		if (!wanted[i].field || !is_same(entry->field, wanted[i].field))
			continue;
		if (is_same(entry->type, type) ||
		    (i == HOTSPOT_ARRAY_LENGTH && is_same(entry->type, old_array)))
			items[i] = entry->is_static ? entry->address : entry->offset;
	}
}

static void read_fields(const struct layout_field *entry, uint64_t *items)
{
	for (unsigned n = 0; n < ENTRIES_MAX && entry->type; n++, entry++)
		if (entry->field)
			take_field(entry, items);
}

static void read_types(const struct layout_type *entry, uint64_t *items)
{
	for (unsigned n = 0; n < ENTRIES_MAX && entry->name; n++, entry++)
		if (is_same(entry->name, wanted[HOTSPOT_BLOCK_SIZE].type))
			items[HOTSPOT_BLOCK_SIZE] = entry->size;
}

bool hotspot_layout_read(struct hotspot_layout *ret)
{
	struct loader_map map;
	struct symbols symbols;
	uint64_t fields, types;

	for (unsigned i = 0; i < HOTSPOT_N_ITEMS; i++)
		ret->items[i] = UINT64_MAX;
	if (!modules_find_library("libjvm.so", &map) || !read_dynamic(&map, &symbols))
		return false;
	fields = read_symbol(&symbols, "gHotSpotVMStructs");
	types = read_symbol(&symbols, "gHotSpotVMTypes");
	if (!fields || !types || !sys_is_readable(fields, PAGE) || !sys_is_readable(types, PAGE) ||
	    read_symbol(&symbols, "gHotSpotVMStructEntryArrayStride") !=
		    sizeof(struct layout_field) ||
	    read_symbol(&symbols, "gHotSpotVMTypeEntryArrayStride") != sizeof(struct layout_type))
		return false;
	read_fields((const struct layout_field *)fields, ret->items);
	read_types((const struct layout_type *)types, ret->items);
	for (unsigned i = 0; i < HOTSPOT_N_ITEMS; i++)
		if (ret->items[i] == UINT64_MAX)
			return false;
	return true;
}
