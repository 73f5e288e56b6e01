/* SPDX-License-Identifier: MIT */
/*
 * linkmap.c: look-ups in the dynamic sections of loaded modules.
 *
 * Context: any thread, inside malloc, maybe inside the loader. Nothing is written, nothing allocated.
 *
 * The loader relocates the addresses in most dynamic sections in place and leaves those of read-only
 * ones (the vdso) as they are in the file; an address below the load bias is taken as the latter.
 *
 * What the list holds while another thread closes a library may be on its way out. The look-ups are
 * made at the start of the process, and later only where memory ran out and operator new has to find
 * the function that throws: there the modules asked for are those that the running code comes from.
 */
#include "agent/preload/linkmap.h"

#include <string.h>

#include "base/macro.h"

#define VERSION_HIDDEN 0x8000

/* What a look-up needs of a module; members are NULL where the module has no such table. */
struct tables {
	const ElfW(Sym) * symbols;
	const char *strings;
	const uint16_t *versions;
	const uint32_t *gnu_hash;
	const uint32_t *sysv_hash;
};

const struct link_map *linkmap_first(void)
{
	return _r_debug.r_map;
}

const struct link_map *linkmap_self(void)
{
	const struct link_map *module;

	for (module = linkmap_first(); module; module = module->l_next)
		if (module->l_ld == _DYNAMIC)
			return module;
	return NULL;
}

static const void *relocated(const struct link_map *module, uintptr_t address)
{
	return (const void *)(address < module->l_addr ? module->l_addr + address : address);
}

static void read_tables(const struct link_map *module, struct tables *ret)
{
	const ElfW(Dyn) * entry;

	memset(ret, 0, sizeof(*ret));
	for (entry = module->l_ld; entry && entry->d_tag != DT_NULL; entry++) {
		const void *address = relocated(module, entry->d_un.d_ptr);

		switch (entry->d_tag) {
		case DT_SYMTAB:
			ret->symbols = address;
			break;
		case DT_STRTAB:
			ret->strings = address;
			break;
		case DT_VERSYM:
			ret->versions = address;
			break;
		case DT_GNU_HASH:
			ret->gnu_hash = address;
			break;
		case DT_HASH:
			ret->sysv_hash = address;
			break;
		default:
			break;
		}
	}
}

/* Whether symbol i is a definition of name that a reference without a version would be bound to. */
static bool defines(const struct tables *tables, uint32_t i, const char *name)
{
	const ElfW(Sym) *symbol = &tables->symbols[i];
	unsigned type = ELF64_ST_TYPE(symbol->st_info), bind = ELF64_ST_BIND(symbol->st_info);

	if (symbol->st_shndx == SHN_UNDEF || bind == STB_LOCAL || type == STT_TLS)
		return false;
	if (tables->versions && (tables->versions[i] & VERSION_HIDDEN))
		return false;
	return strcmp(tables->strings + symbol->st_name, name) == 0;
}

/* The hash of the GNU section: h * 33 + c, from 5381. */
static uint32_t hash_gnu(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

/* The hash of the System V ABI, figure 5-13. */
static uint32_t hash_sysv(const char *name)
{
	uint32_t hash = 0;

	for (; *name; name++) {
		uint32_t high;

		hash = (hash << 4) + (unsigned char)*name;
		high = hash & 0xf0000000;
		hash ^= high >> 24;
		hash &= ~high;
	}
	return hash;
}

/* Layout: n_buckets, first hashed symbol, n_bloom words, bloom shift, bloom, buckets, chains. */
struct gnu_hash {
	const uint32_t *buckets, *chains;
	uint32_t n_buckets, first;
};

static struct gnu_hash open_gnu(const uint32_t *header)
{
	const ElfW(Addr) *bloom = (const ElfW(Addr) *)(header + 4);
	const uint32_t *buckets = (const uint32_t *)(bloom + header[2]);

	return (struct gnu_hash){
		.buckets = buckets,
		.chains = buckets + header[0],
		.n_buckets = header[0],
		.first = header[1],
	};
}

static const ElfW(Sym) * find_gnu(const struct tables *tables, const char *name)
{
	struct gnu_hash table = open_gnu(tables->gnu_hash);
	uint32_t i, hash = hash_gnu(name);

	if (table.n_buckets == 0)
		return NULL;
	for (i = table.buckets[hash % table.n_buckets]; i >= table.first && i; i++) {
		uint32_t link = table.chains[i - table.first];

		if ((link | 1) == (hash | 1) && defines(tables, i, name))
			return &tables->symbols[i];
		if (link & 1)
			break;
	}
	return NULL;
}

/* Layout: n_buckets, n_chains, buckets, chains. */
static const ElfW(Sym) * find_sysv(const struct tables *tables, const char *name)
{
	uint32_t n_buckets = tables->sysv_hash[0], i;
	const uint32_t *buckets = tables->sysv_hash + 2;
	const uint32_t *chains = buckets + n_buckets;

	if (n_buckets == 0)
		return NULL;
	for (i = buckets[hash_sysv(name) % n_buckets]; i; i = chains[i])
		if (defines(tables, i, name))
			return &tables->symbols[i];
	return NULL;
}

void *linkmap_find(const struct link_map *module, const char *name, const ElfW(Sym) * *ret_entry)
{
	const ElfW(Sym) *symbol = NULL;
	struct tables tables;
	void *address;

	read_tables(module, &tables);
	if (!tables.symbols || !tables.strings)
		return NULL;
	if (tables.gnu_hash)
		symbol = find_gnu(&tables, name);
	else if (tables.sysv_hash)
		symbol = find_sysv(&tables, name);
	if (!symbol)
		return NULL;
	address = (void *)(module->l_addr + symbol->st_value);
	if (ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC)
		address = ((void *(*)(void))address)();
	if (ret_entry)
		*ret_entry = symbol;
	return address;
}

void linkmap_for_each(const struct link_map *module,
		      void (*function)(const char *name, void *address, void *data), void *data)
{
	struct gnu_hash table;
	struct tables tables;
	uint32_t bucket, i;

	read_tables(module, &tables);
	if (!tables.symbols || !tables.strings || !tables.gnu_hash)
		return;
	table = open_gnu(tables.gnu_hash);
	for (bucket = 0; bucket < table.n_buckets; bucket++) {
		for (i = table.buckets[bucket]; i >= table.first && i; i++) {
			const ElfW(Sym) *symbol = &tables.symbols[i];

			function(tables.strings + symbol->st_name,
				 (void *)(module->l_addr + symbol->st_value), data);
			if (table.chains[i - table.first] & 1)
				break;
		}
	}
}

void *linkmap_find_next(const char *name, const struct link_map **ret_module)
{
	const struct link_map *module = linkmap_self();

	for (module = module ? module->l_next : NULL; module; module = module->l_next) {
		void *address = linkmap_find(module, name, NULL);

		if (!address)
			continue;
		if (ret_module)
			*ret_module = module;
		return address;
	}
	return NULL;
}

const struct link_map *linkmap_libc(void)
{
	const struct link_map *module = NULL;

	/* a name of its private interface, which no other library defines */
	return linkmap_find_next("__libc_start_main", &module) ? module : NULL;
}

const char *linkmap_name(const struct link_map *module)
{
	const char *slash = strrchr(module->l_name, '/');

	return slash ? slash + 1 : module->l_name;
}
