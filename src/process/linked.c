/* SPDX-License-Identifier: MIT */
/*
 * linked.c: the program's file is read from its section headers to its symbols. Nothing in it is believed: what
 * leads out of the file, or is larger than a program's symbols are, is left alone.
 *
 * jemalloc's functions have a prefix where a program wants to have its own malloc beside it: je_ in redis and
 * PostgreSQL extensions, _rjem_ in Rust.
 */
#include "process/linked.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macro.h"

enum { SYMBOLS_MAX = 48 << 20, STRINGS_MAX = 64 << 20, SECTIONS_MAX = 4096 };

/* The first function of each is the one without which it is not that allocator. */
static const struct {
	const char *allocator, *name;
} wanted[] = {
	{"jemalloc", "mallctl"},
	{"tcmalloc", "MallocExtension_GetNumericProperty"},
	{"tcmalloc", "MallocExtension_GetStats"},
	{"tcmalloc", "MallocExtension_ReleaseFreeMemory"},
	{"mimalloc", "mi_collect"},
};
static const char *const prefixes[] = {"", "je_", "_rjem_", "jemalloc_"};

struct file {
	int fd;
	uint64_t size;
	Elf64_Ehdr header;
	uint64_t values[ARRAY_SIZE(wanted)]; /* of symbols; 0: not found */
};

static bool read_at(const struct file *file, void *buffer, uint64_t size, uint64_t offset)
{
	return offset <= file->size && size <= file->size - offset &&
	       pread(file->fd, buffer, size, (off_t)offset) == (ssize_t)size;
}

/* Returns whether the name is the nth one that is wanted. */
static bool is_wanted(size_t nth, const char *name)
{
	const size_t n_prefixes =
		strcmp(wanted[nth].name, "mallctl") == 0 ? ARRAY_SIZE(prefixes) : 1;

	for (size_t i = 0; i < n_prefixes; i++) {
		const size_t length = strlen(prefixes[i]);

		if (strncmp(name, prefixes[i], length) == 0 &&
		    strcmp(name + length, wanted[nth].name) == 0)
			return true;
	}
	return false;
}

static void look_at(struct file *file, const Elf64_Sym *symbol, const char *strings, uint64_t size)
{
	const char *name = strings + symbol->st_name;

	if (symbol->st_name >= size || symbol->st_shndx == SHN_UNDEF || !symbol->st_value ||
	    ELF64_ST_TYPE(symbol->st_info) != STT_FUNC)
		return;
	/* most names begin otherwise */
	if (!strchr("mjM_", name[0]))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (!file->values[i] && is_wanted(i, name))
			file->values[i] = symbol->st_value;
}

/* Whether one of the names is among them at all, which is quicker to see than whose it is. */
static bool has_any(const char *strings, uint64_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (memmem(strings, size, wanted[i].name, strlen(wanted[i].name) + 1))
			return true;
	return false;
}

static int read_symbols(struct file *file, const Elf64_Shdr *symbols, const Elf64_Shdr *names)
{
	_cleanup_free_ char *strings = NULL;
	_cleanup_free_ Elf64_Sym *table = NULL;

	if (symbols->sh_size > SYMBOLS_MAX || names->sh_size > STRINGS_MAX || !names->sh_size)
		return 0;
	strings = malloc(names->sh_size + 1);
	if (!strings)
		return -ENOMEM;
	if (!read_at(file, strings, names->sh_size, names->sh_offset))
		return 0;
	strings[names->sh_size] = 0;
	if (!has_any(strings, names->sh_size + 1))
		return 0;
	table = malloc(symbols->sh_size + 1);
	if (!table)
		return -ENOMEM;
	if (!read_at(file, table, symbols->sh_size, symbols->sh_offset))
		return 0;
	for (size_t i = 0; i < symbols->sh_size / sizeof(*table); i++)
		look_at(file, &table[i], strings, names->sh_size);
	return 0;
}

static bool has_section(const Elf64_Shdr *sections, size_t n, uint32_t type)
{
	for (size_t i = 0; i < n; i++)
		if (sections[i].sh_type == type)
			return true;
	return false;
}

static int read_sections(struct file *file)
{
	const size_t n = file->header.e_shnum;
	_cleanup_free_ Elf64_Shdr *sections = NULL;
	uint32_t type;
	int r = 0;

	if (n == 0 || n > SECTIONS_MAX || file->header.e_shentsize != sizeof(*sections))
		return 0;
	sections = calloc(n, sizeof(*sections));
	if (!sections)
		return -ENOMEM;
	if (!read_at(file, sections, n * sizeof(*sections), file->header.e_shoff))
		return 0;
	/* what is exported is among all symbols, if these are there */
	type = has_section(sections, n, SHT_SYMTAB) ? SHT_SYMTAB : SHT_DYNSYM;
	for (size_t i = 0; i < n && r >= 0; i++)
		if (sections[i].sh_type == type && sections[i].sh_link < n &&
		    sections[i].sh_entsize == sizeof(Elf64_Sym))
			r = read_symbols(file, &sections[i], &sections[sections[i].sh_link]);
	return r;
}

/* What is added to the file's addresses in the process. False if its beginning is not mapped. */
static bool find_bias(const struct file *file, const struct space *space, const char *path,
		      uint64_t *ret)
{
	for (unsigned i = 0; i < file->header.e_phnum; i++) {
		Elf64_Phdr segment;

		if (!read_at(file, &segment, sizeof(segment),
			     file->header.e_phoff + (uint64_t)i * sizeof(segment)))
			return false;
		if (segment.p_type != PT_LOAD || segment.p_offset / MEMORY_PAGE_SIZE != 0)
			continue;
		for (size_t k = 0; k < space->maps->n_mappings; k++) {
			const struct mapping *mapping = &space->maps->mappings[k];

			if (mapping->offset != 0 || strcmp(mapping->path, path) != 0)
				continue;
			*ret = mapping->start -
			       ALIGN_DOWN(segment.p_vaddr, (uint64_t)MEMORY_PAGE_SIZE);
			return true;
		}
	}
	return false;
}

static void tell(const struct file *file, uint64_t bias, struct linked_allocator *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		if (!file->values[i])
			continue;
		if (!ret->name)
			ret->name = wanted[i].allocator;
		if (strcmp(wanted[i].allocator, ret->name) != 0 || n == LINKED_FUNCTIONS)
			continue;
		ret->functions[n].name = wanted[i].name;
		ret->functions[n++].address = bias + file->values[i];
	}
}

static int find_in(struct file *file, const struct space *space, const char *path,
		   struct linked_allocator *ret)
{
	struct stat st;
	uint64_t bias;
	int r;

	if (fstat(file->fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	file->size = (uint64_t)st.st_size;
	if (!read_at(file, &file->header, sizeof(file->header), 0) ||
	    memcmp(file->header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    file->header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    file->header.e_phentsize != sizeof(Elf64_Phdr) || !find_bias(file, space, path, &bias))
		return 0;
	r = read_sections(file);
	if (r >= 0)
		tell(file, bias, ret);
	return r;
}

int linked_find(const struct space *space, struct linked_allocator *ret)
{
	const char *path = space->info ? space->info->exe : NULL;
	struct linked_allocator found = {};
	_cleanup_close_ int fd = -EBADF;
	struct file file = {};
	char link[64];
	int r;

	*ret = found;
	if (!path)
		return 0;
	snprintf(link, sizeof(link), "/proc/%d/exe", (int)space->pid);
	fd = open(space->pid ? link : path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return 0;
	file.fd = fd;
	r = find_in(&file, space, path, &found);
	if (r >= 0)
		*ret = found;
	return r;
}
