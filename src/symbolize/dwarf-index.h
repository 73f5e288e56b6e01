/* SPDX-License-Identifier: MIT */
/*
 * dwarf-index.h: the debug information of one file, by address.
 */
#ifndef SYMBOLIZE_DWARF_INDEX_H
#define SYMBOLIZE_DWARF_INDEX_H

#include "symbolize/debuginfo.h"
#include "symbolize/dwarf-unit.h"

struct dwarf_index;

/*
 * file has the debug information, code tells which addresses are code; they may be the same, and
 * both must outlive the index. What is of no use for the index is hidden in file (elffile_hide).
 * Reads no more than the heads of the units. -ENOENT: there is none in file, or none that libdw
 * accepts; -ENOMEM.
 */
int dwarf_index_new(const struct debuginfo_places *places, struct elffile *file,
		    const struct elffile *code, struct dwarf_index **ret);
struct dwarf_index *dwarf_index_free(struct dwarf_index *index);
DEFINE_CLEANUP(struct dwarf_index *, dwarf_index_free)

/*
 * As dwarf_unit_find. ret_why, if there is no function or no line: the reason, a string that lives for
 * ever.
 */
int dwarf_index_find(struct dwarf_index *index, uint64_t address, const void *symbol,
		     struct dwarf_call calls[DWARF_MAX_CALLS], uint64_t *ret_entry,
		     const char **ret_why);
/* As dwarf_unit_forget, of all units. */
void dwarf_index_forget(struct dwarf_index *index);

#endif
