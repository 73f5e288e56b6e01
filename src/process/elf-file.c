/* SPDX-License-Identifier: MIT */
/*
 * elf-file.c: the little that has to be known of an ELF file before it is started.
 *
 * Reads what the kernel and the dynamic loader read (program headers, the dynamic segment, the symbol hash
 * tables) and not the section headers, which a program can be without. Each piece is read from the file
 * when it is needed and no more of it: a table that claims to be huge costs nothing. Chains of the hash
 * tables are followed for as many steps as a file of that size can have symbols.
 */
#include "process/elf-file.h"

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/macro.h"

#if defined(__x86_64__)
enum { MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { MACHINE = EM_AARCH64 };
#else
#error "this machine is not known"
#endif
enum { ORDER = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB };

enum { SEGMENTS_MAX = 1024, DYNAMIC_MAX = 4096 };

/* All of size bytes, or -ENOEXEC if the file ends before. */
static int read_all(const struct elf_file *elf, uint64_t offset, void *buffer, size_t size)
{
	ssize_t n = file_pread(elf->fd, buffer, size, offset);

	if (n < 0)
		return n == -EINVAL ? -ENOEXEC : (int)n;
	return (size_t)n == size ? 0 : -ENOEXEC;
}

int elf_file_init(struct elf_file *elf, int fd)
{
	unsigned char ident[EI_NIDENT];
	Elf64_Ehdr header;
	uint16_t machine;
	int r;

	*elf = (struct elf_file){.fd = fd};
	r = read_all(elf, 0, ident, sizeof(ident));
	if (r < 0)
		return r;
	if (memcmp(ident, ELFMAG, SELFMAG) != 0)
		return -ENOEXEC;
	/* e_machine is at the same place in both classes */
	r = read_all(elf, offsetof(Elf64_Ehdr, e_machine), &machine, sizeof(machine));
	if (r < 0)
		return r;
	elf->class = ident[EI_CLASS];
	elf->order = ident[EI_DATA];
	elf->machine = elf->order == ELFDATA2MSB ? be16toh(machine) : le16toh(machine);
	elf->native = elf->class == ELFCLASS64 && elf->order == ORDER && elf->machine == MACHINE;
	if (!elf->native)
		return 0;
	r = read_all(elf, 0, &header, sizeof(header));
	if (r < 0)
		return r;
	elf->type = header.e_type;
	if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > SEGMENTS_MAX)
		return -ENOEXEC;
	elf->segments = calloc(header.e_phnum ? header.e_phnum : 1, sizeof(*elf->segments));
	if (!elf->segments)
		return -ENOMEM;
	r = read_all(elf, header.e_phoff, elf->segments, header.e_phnum * sizeof(Elf64_Phdr));
	if (r < 0) {
		elf_file_deinit(elf);
		return r;
	}
	elf->n_segments = header.e_phnum;
	return 0;
}

void elf_file_deinit(struct elf_file *elf)
{
	free(elf->segments);
	elf->segments = NULL;
	elf->n_segments = 0;
}

static const Elf64_Phdr *find_segment(const struct elf_file *elf, uint32_t type)
{
	size_t i;

	for (i = 0; i < elf->n_segments; i++)
		if (elf->segments[i].p_type == type)
			return &elf->segments[i];
	return NULL;
}

int elf_file_read_interpreter(const struct elf_file *elf, char **ret)
{
	const Elf64_Phdr *segment = find_segment(elf, PT_INTERP);
	_cleanup_free_ char *path = NULL;
	int r;

	if (!segment) {
		*ret = NULL;
		return 0;
	}
	if (segment->p_filesz < 2 || segment->p_filesz > PATH_MAX)
		return -ENOEXEC;
	path = malloc(segment->p_filesz);
	if (!path)
		return -ENOMEM;
	r = read_all(elf, segment->p_offset, path, segment->p_filesz);
	if (r < 0)
		return r;
	/* the kernel refuses such a file */
	if (path[segment->p_filesz - 1])
		return -ENOEXEC;
	*ret = TAKE_PTR(path);
	return 0;
}

/* Reads what the loader would have at address. */
static int read_address(const struct elf_file *elf, uint64_t address, void *buffer, size_t size)
{
	size_t i;

	for (i = 0; i < elf->n_segments; i++) {
		const Elf64_Phdr *segment = &elf->segments[i];

		if (segment->p_type == PT_LOAD && address >= segment->p_vaddr &&
		    address - segment->p_vaddr < segment->p_filesz &&
		    size <= segment->p_filesz - (address - segment->p_vaddr))
			return read_all(elf, segment->p_offset + (address - segment->p_vaddr),
					buffer, size);
	}
	return -ENOEXEC;
}

/* The dynamic segment's entries that are used here; 0 is "not there". */
struct dynamic {
	uint64_t strings, strings_size, symbols, gnu_hash, hash, soname;
	bool has_soname;
};

static int read_dynamic(const struct elf_file *elf, struct dynamic *ret)
{
	const Elf64_Phdr *segment = find_segment(elf, PT_DYNAMIC);
	struct dynamic dynamic = {0};
	Elf64_Dyn entry;
	size_t i, n;
	int r;

	n = segment ? MIN(segment->p_filesz / sizeof(entry), (uint64_t)DYNAMIC_MAX) : 0;
	for (i = 0; i < n; i++) {
		r = read_all(elf, segment->p_offset + i * sizeof(entry), &entry, sizeof(entry));
		if (r < 0)
			return r;
		switch (entry.d_tag) {
		case DT_NULL:
			i = n;
			break;
		case DT_STRTAB:
			dynamic.strings = entry.d_un.d_ptr;
			break;
		case DT_STRSZ:
			dynamic.strings_size = entry.d_un.d_val;
			break;
		case DT_SYMTAB:
			dynamic.symbols = entry.d_un.d_ptr;
			break;
		case DT_GNU_HASH:
			dynamic.gnu_hash = entry.d_un.d_ptr;
			break;
		case DT_HASH:
			dynamic.hash = entry.d_un.d_ptr;
			break;
		case DT_SONAME:
			dynamic.soname = entry.d_un.d_val;
			dynamic.has_soname = true;
			break;
		}
	}
	*ret = dynamic;
	return 0;
}

/* A name of the dynamic segment, cut where it is longer than names of libraries are. */
static int read_name(const struct elf_file *elf, const struct dynamic *dynamic, uint64_t offset,
		     char **ret)
{
	char name[256];
	size_t size;
	int r;

	if (offset >= dynamic->strings_size)
		return 0;
	size = MIN(sizeof(name), dynamic->strings_size - offset);
	r = read_address(elf, dynamic->strings + offset, name, size);
	if (r < 0)
		return r;
	*ret = strndup(name, size);
	return *ret ? 0 : -ENOMEM;
}

int elf_file_read_soname(const struct elf_file *elf, char **ret)
{
	struct dynamic dynamic;
	int r;

	*ret = NULL;
	r = read_dynamic(elf, &dynamic);
	if (r < 0 || !dynamic.has_soname)
		return r;
	return read_name(elf, &dynamic, dynamic.soname, ret);
}

int elf_file_read_needed(const struct elf_file *elf, size_t nth, char **ret)
{
	const Elf64_Phdr *segment = find_segment(elf, PT_DYNAMIC);
	struct dynamic dynamic;
	Elf64_Dyn entry;
	size_t i, n;
	int r;

	*ret = NULL;
	r = read_dynamic(elf, &dynamic);
	if (r < 0)
		return r;
	n = segment ? MIN(segment->p_filesz / sizeof(entry), (uint64_t)DYNAMIC_MAX) : 0;
	for (i = 0; i < n; i++) {
		r = read_all(elf, segment->p_offset + i * sizeof(entry), &entry, sizeof(entry));
		if (r < 0)
			return r;
		if (entry.d_tag == DT_NULL)
			break;
		if (entry.d_tag == DT_NEEDED && nth-- == 0)
			return read_name(elf, &dynamic, entry.d_un.d_val, ret);
	}
	return 0;
}

/* Whether the symbol with that index is defined and has that name. */
static int symbol_is(const struct elf_file *elf, const struct dynamic *dynamic, uint32_t index,
		     const char *name)
{
	size_t size = strlen(name) + 1;
	Elf64_Sym symbol;
	char found[64];
	int r;

	r = read_address(elf, dynamic->symbols + (uint64_t)index * sizeof(symbol), &symbol,
			 sizeof(symbol));
	if (r < 0)
		return r;
	if (symbol.st_shndx == SHN_UNDEF || size > sizeof(found) ||
	    symbol.st_name >= dynamic->strings_size ||
	    size > dynamic->strings_size - symbol.st_name)
		return 0;
	r = read_address(elf, dynamic->strings + symbol.st_name, found, size);
	if (r < 0)
		return r;
	return !memcmp(found, name, size);
}

/* More symbols than fit into the file are not in it. */
static uint64_t symbols_max(const struct elf_file *elf)
{
	struct stat st;

	return fstat(elf->fd, &st) < 0 ? 0 : (uint64_t)st.st_size / sizeof(Elf64_Sym) + 1;
}

/* The table that GNU ld writes: buckets of chains of hashes, each chain ends in one whose low bit is set. */
static int find_gnu(const struct elf_file *elf, const struct dynamic *dynamic, const char *name)
{
	struct {
		uint32_t n_buckets, first_symbol, n_bloom, bloom_shift;
	} table;
	uint64_t buckets, chains, left = symbols_max(elf);
	uint32_t hash = 5381, index, chain;
	const unsigned char *p;
	int r;

	for (p = (const unsigned char *)name; *p; p++)
		hash = hash * 33 + *p;
	r = read_address(elf, dynamic->gnu_hash, &table, sizeof(table));
	if (r < 0)
		return r;
	if (!table.n_buckets)
		return 0;
	buckets = dynamic->gnu_hash + sizeof(table) + (uint64_t)table.n_bloom * sizeof(uint64_t);
	chains = buckets + (uint64_t)table.n_buckets * sizeof(uint32_t);
	r = read_address(elf, buckets + (uint64_t)(hash % table.n_buckets) * sizeof(uint32_t),
			 &index, sizeof(index));
	if (r < 0)
		return r;
	/* symbols below the first are not in the table: imports */
	if (index < table.first_symbol)
		return 0;
	for (; left; left--, index++) {
		r = read_address(elf,
				 chains + (uint64_t)(index - table.first_symbol) * sizeof(uint32_t),
				 &chain, sizeof(chain));
		if (r < 0)
			return r;
		if ((chain | 1) == (hash | 1)) {
			r = symbol_is(elf, dynamic, index, name);
			if (r != 0)
				return r;
		}
		if (chain & 1)
			return 0;
	}
	return -ENOEXEC;
}

/* The table of the System V ABI holds every symbol; it also says how many there are. */
static int find_sysv(const struct elf_file *elf, const struct dynamic *dynamic, const char *name)
{
	uint32_t table[2], index;
	uint64_t n;
	int r;

	r = read_address(elf, dynamic->hash, table, sizeof(table));
	if (r < 0)
		return r;
	n = MIN((uint64_t)table[1], symbols_max(elf));
	for (index = 1; index < n; index++) {
		r = symbol_is(elf, dynamic, index, name);
		if (r != 0)
			return r;
	}
	return 0;
}

int elf_file_exports(const struct elf_file *elf, const char *name)
{
	struct dynamic dynamic;
	int r;

	r = read_dynamic(elf, &dynamic);
	if (r < 0)
		return r;
	if (!dynamic.symbols || !dynamic.strings)
		return 0;
	if (dynamic.gnu_hash)
		return find_gnu(elf, &dynamic, name);
	if (dynamic.hash)
		return find_sysv(elf, &dynamic, name);
	return 0;
}
