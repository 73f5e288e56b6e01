/* SPDX-License-Identifier: MIT */
/*
 * dwarf-lines.h: the lines of one compilation unit: which line of which file an address was compiled from.
 */
#ifndef SYMBOLIZE_DWARF_LINES_H
#define SYMBOLIZE_DWARF_LINES_H

#include "symbolize/dwarf-line-head.h"

struct dwarf_line_row {
	uint32_t offset; /* of the first address, from base */
	uint32_t line;   /* 0: of no line */
	uint32_t file;   /* index, maybe of none; DWARF_LINES_GAP: nothing is known from here on */
};

static const uint32_t DWARF_LINES_GAP = UINT32_MAX;

/* Zeroed is empty. */
struct dwarf_lines {
	uint64_t base;
	struct dwarf_line_row *rows; /* ascending, fewer than 2^32 */
	size_t n_rows;
	/* of each 2^shift bytes up to the last row, and once more: the row of the first of them */
	uint32_t *guide;
	uint8_t shift;
	struct dwarf_line_file *files;
	size_t n_files;
};

void dwarf_lines_deinit(struct dwarf_lines *lines);

/*
 * Reads the table at offset; what stands in code that is not mapped to run is left out. A table that makes
 * no sense is empty. lines was zeroed. 0 or -ENOMEM.
 */
int dwarf_lines_load(struct dwarf_lines *lines, const struct dwarf_line_sections *sections,
		     uint64_t offset, const struct elffile *code);

/* NULL if no line is known. */
const struct dwarf_line_row *dwarf_lines_find(const struct dwarf_lines *lines, uint64_t address);

/*
 * The path of a file by its number in this unit, maybe relative to where the compiler ran; NULL if it is
 * unknown. Lives as long as lines; the same file is the same pointer.
 */
const char *dwarf_lines_file(struct dwarf_lines *lines, uint64_t index);

#endif
