/* SPDX-License-Identifier: MIT */
/*
 * inject-tables.c: from a module's dynamic section to its symbols, strings and relocations.
 *
 * Some loaders relocate the addresses in dynamic sections, some do not: an address below the module's is
 * one that was not. How many symbols there are is not said anywhere; a hash table knows, and relocations
 * name some behind those that it knows.
 */
#include "process/inject-tables.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/macro.h"

enum { DYNAMIC_MAX = 512, TABLE_MAX = 256 << 20 };

static int read_table(struct memory *memory, uint64_t address, size_t size, void **ret)
{
	void *bytes;
	int r;

	if (size > TABLE_MAX)
		return -EBADMSG;
	bytes = malloc(size + 1);
	if (!bytes)
		return -ENOMEM;
	r = memory_read(memory, address, bytes, size);
	if (r < 0) {
		free(bytes);
		return r;
	}
	((char *)bytes)[size] = 0;
	*ret = bytes;
	return 0;
}

struct dynamic {
	uint64_t symbols, strings, strings_size, hash, gnu_hash;
	uint64_t rela, rela_size, plt, plt_size;
};

static int read_dynamic(struct memory *memory, uint64_t at, uint64_t bias, struct dynamic *ret)
{
	*ret = (struct dynamic){};
	for (unsigned i = 0; i < DYNAMIC_MAX; i++) {
		Elf64_Dyn entry;
		int r = memory_read(memory, at + i * sizeof(entry), &entry, sizeof(entry));
		uint64_t value = entry.d_un.d_ptr;
		uint64_t address = value < bias ? value + bias : value;

		if (r < 0)
			return r;
		switch (entry.d_tag) {
		case DT_NULL:
			return 0;
		case DT_SYMTAB:
			ret->symbols = address;
			break;
		case DT_STRTAB:
			ret->strings = address;
			break;
		case DT_STRSZ:
			ret->strings_size = value;
			break;
		case DT_HASH:
			ret->hash = address;
			break;
		case DT_GNU_HASH:
			ret->gnu_hash = address;
			break;
		case DT_RELA:
			ret->rela = address;
			break;
		case DT_RELASZ:
			ret->rela_size = value;
			break;
		case DT_JMPREL:
			ret->plt = address;
			break;
		case DT_PLTRELSZ:
			ret->plt_size = value;
			break;
		default:
			break;
		}
	}
	return -EBADMSG;
}

/* How many symbols a GNU hash table knows: the last one of the longest chain, and all before it. */
static int count_gnu(struct memory *memory, uint64_t at, size_t *ret)
{
	uint32_t header[4], last = 0, word;
	_cleanup_free_ void *buckets = NULL;
	uint64_t chains;
	int r = memory_read(memory, at, header, sizeof(header));

	if (r < 0)
		return r;
	at += sizeof(header) + 8ull * header[2];
	r = read_table(memory, at, 4ull * header[0], &buckets);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < header[0]; i++)
		last = MAX(last, ((uint32_t *)buckets)[i]);
	*ret = header[1];
	if (last < header[1])
		return 0;
	chains = at + 4ull * header[0];
	do {
		r = memory_read(memory, chains + 4ull * (last - header[1]), &word, sizeof(word));
		if (r < 0)
			return r;
		last++;
	} while (!(word & 1));
	*ret = last;
	return 0;
}

static int count_symbols(struct memory *memory, const struct dynamic *dynamic,
			 const struct inject_module *module, size_t *ret)
{
	uint32_t header[2];
	int r = 0;

	*ret = 1;
	if (dynamic->hash) {
		r = memory_read(memory, dynamic->hash, header, sizeof(header));
		*ret = header[1];
	} else if (dynamic->gnu_hash) {
		r = count_gnu(memory, dynamic->gnu_hash, ret);
	}
	for (size_t i = 0; i < module->n_relocations; i++)
		*ret = MAX(*ret, ELF64_R_SYM(module->relocations[i].r_info) + 1ull);
	return r;
}

static int read_relocations(struct memory *memory, const struct dynamic *dynamic,
			    struct inject_module *module)
{
	uint64_t size = dynamic->rela_size + dynamic->plt_size;
	int r;

	if (size > TABLE_MAX)
		return -EBADMSG;
	module->relocations = malloc(size + 1);
	if (!module->relocations)
		return -ENOMEM;
	r = dynamic->rela_size
		    ? memory_read(memory, dynamic->rela, module->relocations, dynamic->rela_size)
		    : 0;
	if (r >= 0 && dynamic->plt_size)
		r = memory_read(memory, dynamic->plt,
				(char *)module->relocations + dynamic->rela_size,
				dynamic->plt_size);
	if (r < 0)
		return r;
	module->n_relocations = size / sizeof(Elf64_Rela);
	return 0;
}

int inject_tables_read(struct memory *memory, uint64_t dynamic_at, struct inject_module *module)
{
	struct dynamic dynamic;
	int r = read_dynamic(memory, dynamic_at, module->bias, &dynamic);

	if (r >= 0)
		r = read_relocations(memory, &dynamic, module);
	if (r >= 0)
		r = count_symbols(memory, &dynamic, module, &module->n_symbols);
	if (r < 0)
		return r;
	module->symbols_at = dynamic.symbols;
	r = read_table(memory, dynamic.symbols, module->n_symbols * sizeof(Elf64_Sym),
		       (void **)&module->symbols);
	if (r < 0)
		return r;
	module->strings_size = dynamic.strings_size;
	return read_table(memory, dynamic.strings, dynamic.strings_size, (void **)&module->strings);
}
