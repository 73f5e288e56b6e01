/* SPDX-License-Identifier: MIT */
/*
 * dwarf-ranges.h: lists of ranges, for code that is not in one piece.
 */
#ifndef SYMBOLIZE_DWARF_RANGES_H
#define SYMBOLIZE_DWARF_RANGES_H

#include "symbolize/bytes.h"
#include "symbolize/elffile.h"

/* Where lists stand, up to version 4 and since. They live as long as the file; what is missing is empty. */
struct dwarf_range_sections {
	struct bytes old_lists, lists;
};

/* After libdw has opened the file, which unpacks what is compressed. */
void dwarf_range_sections_init(struct dwarf_range_sections *sections, const struct elffile *file);

/* One reading of a list. */
struct dwarf_ranges {
	struct bytes from;
	bool is_old;
	uint8_t address_size;
	uint64_t base;
};

/* base is the unit's. */
void dwarf_ranges_init(struct dwarf_ranges *ranges, const struct dwarf_range_sections *sections,
		       uint8_t version, uint8_t address_size, uint64_t base, uint64_t offset);
/*
 * 1: a range, maybe an empty one; 0: the end; -EBADMSG: what follows makes no sense; -ENOTSUP: it is told in terms of a
 * table of addresses, which is not known here.
 */
int dwarf_ranges_next(struct dwarf_ranges *ranges, uint64_t *ret_start, uint64_t *ret_end);

#endif
