/* SPDX-License-Identifier: MIT */
/*
 * dwarf-index.c: which compilation unit an address belongs to.
 *
 * The ranges stand in the first entry of every unit, and that is all that is read of a unit until an
 * address in it is asked for; .debug_aranges is not needed, which some compilers do not write. Units
 * without code (types, the early half of link-time optimisation, what dwz moved out) have no ranges and
 * cost one look. A unit that covers another's code, as hand-written assembler sometimes claims, yields
 * to the narrower one.
 */
#include "symbolize/dwarf-index.h"

#include <dwarf.h>

#include "base/grow.h"
#include "base/macro.h"
#include "symbolize/dwarf-walk.h"

struct dwarf_index {
	Dwarf *dwarf;
	Dwarf *alternate; /* NULL: none */
	struct elffile *alternate_file;
	struct dwarf_file file;
	struct dwarf_unit *units; /* those with code */
	size_t n_units;
	struct rangemap map; /* addresses to units */
};

/* As many units as the largest programs have, ten times over. */
enum { DWARF_MAX_UNITS = 4 << 20 };

static int add_unit(struct dwarf_index *index, Dwarf_Die *die)
{
	int n = dwarf_walk_add_unit(&index->file, die, (uint32_t)index->n_units);

	if (n <= 0)
		return n;
	if (GROW(index->units, index->n_units) < 0)
		return -ENOMEM;
	dwarf_unit_init(&index->units[index->n_units++], die, &index->file);
	return 0;
}

static int add_units(struct dwarf_index *index)
{
	Dwarf_CU *cu = NULL;
	Dwarf_Die die;
	uint8_t type;
	int n = 0;

	while (n++ < DWARF_MAX_UNITS &&
	       dwarf_get_units(index->dwarf, cu, &cu, NULL, &type, &die, NULL) == 0) {
		int r;

		if (!die.addr || (dwarf_tag(&die) != DW_TAG_compile_unit &&
				  dwarf_tag(&die) != DW_TAG_skeleton_unit))
			continue;
		r = add_unit(index, &die);
		if (r < 0)
			return r;
	}
	return rangemap_build(&index->file.builder, &index->map);
}

/*
 * libdw unpacks all sections with debug information when it opens a file. Where variables are, macros, and
 * indices that are not needed here can be a fifth of all.
 */
static Dwarf *open_dwarf(struct elffile *file)
{
	static const char *const unused[] = {
		".debug_loclists", ".debug_loc",      ".debug_frame",
		".debug_aranges",  ".debug_pubnames", ".zdebug_loclists",
		".zdebug_loc",     ".debug_macinfo",  ".debug_macro",
	};

	for (size_t i = 0; i < ARRAY_SIZE(unused); i++)
		elffile_hide(file, unused[i]);
	return dwarf_begin_elf(file->elf, DWARF_C_READ, NULL);
}

static int add_alternate(struct dwarf_index *index, const struct debuginfo_places *places,
			 const struct elffile *file)
{
	int r = debuginfo_open_alternate(places, file, index->dwarf, &index->alternate_file);

	if (r < 0 || !index->alternate_file)
		return r;
	index->alternate = open_dwarf(index->alternate_file);
	if (index->alternate)
		dwarf_setalt(index->dwarf, index->alternate);
	/* what is not mapped stays readable through the descriptor, if detaching fails */
	(void)elffile_detach(index->alternate_file);
	return 0;
}

int dwarf_index_new(const struct debuginfo_places *places, struct elffile *file,
		    const struct elffile *code, struct dwarf_index **ret)
{
	_cleanup_(dwarf_index_freep) struct dwarf_index *index = calloc(1, sizeof(*index));
	int r;

	if (!index)
		return -ENOMEM;
	index->dwarf = open_dwarf(file);
	if (!index->dwarf)
		return -ENOENT;
	index->file.code = code;
	dwarf_line_sections_init(&index->file.lines, file);
	dwarf_range_sections_init(&index->file.ranges, file);
	r = add_alternate(index, places, file);
	if (r >= 0)
		r = add_units(index);
	if (r < 0)
		return r;
	if (index->n_units == 0)
		return -ENOENT;
	*ret = TAKE_PTR(index);
	return 0;
}

struct dwarf_index *dwarf_index_free(struct dwarf_index *index)
{
	if (!index)
		return NULL;
	for (size_t i = 0; i < index->n_units; i++)
		dwarf_unit_deinit(&index->units[i]);
	free(index->units);
	rangemap_deinit(&index->map);
	rangemap_builder_deinit(&index->file.builder);
	dwarf_end(index->dwarf);
	dwarf_end(index->alternate);
	elffile_free(index->alternate_file);
	free(index);
	return NULL;
}

int dwarf_index_find(struct dwarf_index *index, uint64_t address, const void *symbol,
		     struct dwarf_call calls[DWARF_MAX_CALLS], uint64_t *ret_entry,
		     const char **ret_why)
{
	uint32_t i = rangemap_find(&index->map, address);
	int n;

	*ret_why = NULL;
	calls[0].place = (struct dwarf_place){};
	if (i == RANGE_NONE) {
		*ret_why = "no debug information for this part of the file";
		return 0;
	}
	n = dwarf_unit_find(&index->units[i], address, symbol, calls, ret_entry);
	if (n == 0 || !calls[0].place.line)
		*ret_why = index->units[i].why ?: "no line is known";
	return n;
}

void dwarf_index_forget(struct dwarf_index *index)
{
	for (size_t i = 0; i < index->n_units; i++)
		dwarf_unit_forget(&index->units[i]);
}
