/* SPDX-License-Identifier: MIT */
/*
 * symtab.c: .symtab and .dynsym as an index of functions.
 *
 * One function has many symbols (malloc, __libc_malloc, __malloc), and between functions lie labels that
 * an assembler left without type or size. So symbols of one address are reduced to the best of them
 * first, by what people call it: has a size, is a function, is visible outside, has fewer underscores
 * in front, is strong, is short. Then they become ranges of which the innermost sized one owns an
 * address, and an unsized one what no sized one covers.
 *
 * A symbol counts only if its section holds code, which leaves out what linker scripts define. Without
 * section headers there are no tables, and this finds nothing.
 */
#include "symbolize/symtab.h"

#include <string.h>

#include "base/grow.h"
#include "base/macro.h"

/* More than the largest program has by far: what a damaged header may make us take. */
enum { SYMTAB_MAX = 16 << 20 };

/* Of one section of the file. */
struct section_extent {
	uint64_t start, end;
	bool is_code;
};

struct section_extents {
	struct section_extent *items;
	size_t n_items;
};

static void section_extents_deinit(struct section_extents *sections)
{
	free(sections->items);
}

void symtab_deinit(struct symtab *symtab)
{
	free(symtab->symbols);
	rangemap_deinit(&symtab->map);
	*symtab = (struct symtab){};
}

int symtab_count_underscores(const char *name)
{
	return (int)strspn(name, "_");
}

static int section_extents_init(struct section_extents *sections, const struct elffile *file)
{
	size_t n;

	if (elf_getshdrnum(file->elf, &n) < 0 || n == 0)
		return 0;
	n = MIN(n, (size_t)SHN_LORESERVE);
	sections->items = calloc(n, sizeof(*sections->items));
	if (!sections->items)
		return -ENOMEM;
	sections->n_items = n;
	for (Elf_Scn *section = NULL; (section = elf_nextscn(file->elf, section));) {
		size_t i = elf_ndxscn(section);
		GElf_Shdr header;

		if (i >= n || !gelf_getshdr(section, &header))
			continue;
		sections->items[i].start = header.sh_addr;
		sections->items[i].end = header.sh_addr + header.sh_size;
		sections->items[i].is_code = header.sh_flags & SHF_EXECINSTR;
	}
	return 0;
}

static bool is_function(const GElf_Sym *symbol, const char *name,
			const struct section_extents *sections)
{
	switch (GELF_ST_TYPE(symbol->st_info)) {
	case STT_FUNC:
	case STT_GNU_IFUNC:
	case STT_NOTYPE:
		break;
	default:
		return false;
	}
	if (symbol->st_shndx == SHN_UNDEF || symbol->st_value > INT64_MAX ||
	    symbol->st_size > INT64_MAX)
		return false;
	/* what only assemblers and disassemblers care about */
	if (!name[0] || name[0] == '$' || strncmp(name, ".L", 2) == 0)
		return false;
	if (symbol->st_shndx >= SHN_LORESERVE)
		return symbol->st_shndx == SHN_XINDEX;
	return symbol->st_shndx < sections->n_items && sections->items[symbol->st_shndx].is_code;
}

/* Where a symbol without a size ends at the latest. */
static uint64_t end_of_section(const GElf_Sym *symbol, const struct section_extents *sections)
{
	const struct section_extent *section;

	if (symbol->st_shndx >= sections->n_items)
		return symbol->st_value;
	section = &sections->items[symbol->st_shndx];
	return symbol->st_value >= section->start ? section->end : symbol->st_value;
}

static int add_symbol(struct symtab *symtab, const GElf_Sym *symbol, const char *name,
		      const struct section_extents *sections)
{
	if (GROW(symtab->symbols, symtab->n_symbols) < 0)
		return -ENOMEM;
	symtab->symbols[symtab->n_symbols++] = (struct symbol){
		.start = symbol->st_value,
		.end = symbol->st_size ? symbol->st_value + symbol->st_size
				       : end_of_section(symbol, sections),
		.sized = symbol->st_size > 0,
		.name = name,
		.exported = GELF_ST_BIND(symbol->st_info) != STB_LOCAL,
		.typed = GELF_ST_TYPE(symbol->st_info) != STT_NOTYPE,
	};
	return 0;
}

int symtab_add(struct symtab *symtab, const struct elffile *file, uint32_t type)
{
	_cleanup_(section_extents_deinit) struct section_extents sections = {};
	GElf_Shdr header, names_header;
	Elf_Scn *section = elffile_section_by_type(file, type, &header), *names_section;
	Elf_Data *data = section ? elf_getdata(section, NULL) : NULL, *names;
	const char *text;
	size_t n;
	int r;

	names_section = data ? elf_getscn(file->elf, header.sh_link) : NULL;
	names = names_section && gelf_getshdr(names_section, &names_header) &&
				names_header.sh_type == SHT_STRTAB
			? elf_getdata(names_section, NULL)
			: NULL;
	/* a string that is not ended would be read on behind the file */
	if (!names || names->d_size == 0 || ((const char *)names->d_buf)[names->d_size - 1])
		return 0;
	text = names->d_buf;
	r = section_extents_init(&sections, file);
	if (r < 0)
		return r;
	n = data->d_size / gelf_fsize(file->elf, ELF_T_SYM, 1, EV_CURRENT);
	for (size_t i = 0; i < n && symtab->n_symbols < SYMTAB_MAX; i++) {
		GElf_Sym symbol;

		if (!gelf_getsym(data, (int)i, &symbol) || symbol.st_name >= names->d_size ||
		    !is_function(&symbol, text + symbol.st_name, &sections))
			continue;
		/* what follows it may be anything that is not exported */
		if (type == SHT_DYNSYM && symbol.st_size == 0)
			continue;
		r = add_symbol(symtab, &symbol, text + symbol.st_name, &sections);
		if (r < 0)
			return r;
	}
	return 1;
}

/* By address, and those of one address the best first. */
static int compare_symbols(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;
	int r;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->sized != y->sized)
		return x->sized ? -1 : 1;
	if (x->typed != y->typed)
		return x->typed ? -1 : 1;
	if (x->exported != y->exported)
		return x->exported ? -1 : 1;
	r = symtab_count_underscores(x->name) - symtab_count_underscores(y->name);
	if (r == 0)
		r = (int)strlen(x->name) - (int)strlen(y->name);
	return r ? r : strcmp(x->name, y->name);
}

int symtab_build(struct symtab *symtab)
{
	_cleanup_(rangemap_builder_deinit) struct rangemap_builder builder = {};
	static const uint64_t SIZED = UINT64_C(1) << 63;
	struct symbol *symbols = symtab->symbols;
	uint64_t sized_end = 0;
	size_t n = 0;

	if (symtab->n_symbols == 0)
		return 0;
	qsort(symbols, symtab->n_symbols, sizeof(*symbols), compare_symbols);
	for (size_t i = 0; i < symtab->n_symbols; i++)
		if (n == 0 || symbols[n - 1].start != symbols[i].start)
			symbols[n++] = symbols[i];
	symtab->n_symbols = n;

	for (size_t i = 0; i < n; i++) {
		uint64_t end = symbols[i].end, rank = symbols[i].start;
		int r;

		if (symbols[i].sized) {
			rank |= SIZED;
			sized_end = MAX(sized_end, end);
		} else if (symbols[i].start < sized_end) {
			/* a label in a function, and not what follows the function */
			continue;
		} else if (i + 1 < n) {
			end = MIN(end, symbols[i + 1].start);
		}
		r = rangemap_add(&builder, symbols[i].start, end, rank, (uint32_t)i);
		if (r < 0)
			return r;
	}
	return rangemap_build(&builder, &symtab->map);
}

const struct symbol *symtab_find(const struct symtab *symtab, uint64_t address)
{
	uint32_t i = rangemap_find(&symtab->map, address);

	return i == RANGE_NONE ? NULL : &symtab->symbols[i];
}
