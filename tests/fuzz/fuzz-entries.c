/* SPDX-License-Identifier: MIT */
/*
 * fuzz-entries.c: debug information that is none. Entries are stepped through, always forward and within their
 * unit; then addresses are looked up, which leads through functions, inlined calls and lists of ranges.
 *
 * An input is two numbers of 16 bits, a table of abbreviations and lists of ranges of these sizes, and the
 * entries. A file is made of it in which the entries come last, so that a sanitizer sees a read behind them.
 * make-entries.py makes seeds of programs.
 */
#include <elf.h>
#include <stdlib.h>

#include "base/macro.h"
#include "symbolize/dwarf-index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* strings and both kinds of lists are what stands there for another purpose */
static const char names[] =
	"\0.shstrtab\0.debug_abbrev\0.debug_str\0.debug_ranges\0.debug_rnglists\0.debug_info";

enum { SECTIONS = 7 };

struct image {
	Elf64_Ehdr head;
	Elf64_Shdr sections[SECTIONS];
	char names[sizeof(names)];
};

/* The name's place in names. */
static uint32_t name_of(int section)
{
	uint32_t at = 0;

	for (int i = 0; i < section; i++)
		at += (uint32_t)strlen(names + at) + 1;
	return at;
}

static void describe(struct image *image, int section, uint64_t offset, uint64_t size)
{
	image->sections[section] = (Elf64_Shdr){
		.sh_name = name_of(section),
		.sh_type = section == 1 ? SHT_STRTAB : SHT_PROGBITS,
		.sh_offset = offset,
		.sh_size = size,
		.sh_addralign = 1,
	};
}

/* A file from malloc. */
static struct image *make_image(const uint8_t *data, size_t size, size_t *ret_size)
{
	const size_t begin = sizeof(struct image), left = size - 4;
	const size_t abbreviations = MIN((size_t)(data[0] | data[1] << 8), left);
	const size_t lists = MIN((size_t)(data[2] | data[3] << 8), left - abbreviations);
	struct image *image = calloc(1, begin + left);

	if (!image)
		abort();
	image->head = (Elf64_Ehdr){
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_shoff = offsetof(struct image, sections),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = SECTIONS,
		.e_shstrndx = 1,
	};
	describe(image, 1, offsetof(struct image, names), sizeof(names));
	describe(image, 2, begin, abbreviations);
	describe(image, 3, begin, abbreviations);
	describe(image, 4, begin + abbreviations, lists);
	describe(image, 5, begin + abbreviations, lists);
	describe(image, 6, begin + abbreviations + lists, left - abbreviations - lists);
	memcpy(image->names, names, sizeof(names));
	memcpy(image + 1, data + 4, left);
	*ret_size = begin + left;
	return image;
}

static void step_through(const Dwarf_Die *unit)
{
	struct dwarf_shapes shapes;
	struct dwarf_entry entry;

	if (dwarf_shapes_init(&shapes, unit) < 0)
		return;
	if (shapes.start >= (uint8_t *)unit->addr || shapes.end <= (uint8_t *)unit->addr)
		abort();
	for (const uint8_t *at = unit->addr; dwarf_entry_read(&shapes, at, &entry) == 0;
	     at = entry.behind) {
		const uint8_t *behind;

		if (entry.start != at || entry.behind <= at || entry.behind > shapes.end ||
		    (entry.sibling && (entry.sibling <= at || entry.sibling >= shapes.end)))
			abort();
		if (dwarf_entry_skip(&shapes, &entry, &behind) == 0 &&
		    (behind < entry.behind || behind > shapes.end))
			abort();
	}
	dwarf_shapes_deinit(&shapes);
}

static void step_through_all(const struct elffile *file)
{
	Dwarf *dwarf = dwarf_begin_elf(file->elf, DWARF_C_READ, NULL);
	Dwarf_CU *cu = NULL;
	Dwarf_Die unit;

	for (int i = 0;
	     i < 64 && dwarf && dwarf_get_units(dwarf, cu, &cu, NULL, NULL, &unit, NULL) == 0;
	     i++) {
		if (unit.addr)
			step_through(&unit);
	}
	dwarf_end(dwarf);
}

/* Names of addresses as small programs have them. */
static void look_up(struct elffile *file)
{
	static const struct debuginfo_places places = {.root = ""};
	_cleanup_(dwarf_index_freep) struct dwarf_index *index = NULL;
	struct dwarf_call calls[DWARF_MAX_CALLS];
	const char *why;
	uint64_t entry;

	if (dwarf_index_new(&places, file, file, &index) < 0)
		return;
	for (uint64_t address = 0x401000; address < 0x401200; address += 8) {
		int n = dwarf_index_find(index, address, NULL, calls, &entry, &why);

		if (n < 0 || n > DWARF_MAX_CALLS)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(elffile_freep) struct elffile *file = NULL;
	struct image *image;

	if (size < 4)
		return 0;
	image = make_image(data, size, &size);
	if (elffile_open_image(image, size, "entries", &file) < 0)
		abort();
	step_through_all(file);
	look_up(file);
	return 0;
}
