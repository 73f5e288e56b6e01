/* SPDX-License-Identifier: MIT */
/*
 * dwarf-line-program.h: runs the program that a line table is, and keeps the rows that it makes.
 */
#ifndef SYMBOLIZE_DWARF_LINE_PROGRAM_H
#define SYMBOLIZE_DWARF_LINE_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "symbolize/dwarf-line-head.h"
#include "symbolize/dwarf-lines.h"
#include "symbolize/elffile.h"

/* Addresses in it ascend. Its rows are relative to its start, and the last one is a gap. */
struct dwarf_line_sequence {
	uint64_t start;
	size_t first, n; /* of its rows */
};

struct dwarf_line_program {
	struct dwarf_line_row *rows;
	size_t n_rows;
	struct dwarf_line_sequence *sequences; /* of code, in the order in which they were made */
	size_t n_sequences;
};

/* head's program is run to its end, and may add files to it. Damage ends it early. -ENOMEM. */
int dwarf_line_program_run(struct dwarf_line_head *head, const struct elffile *code,
			   struct dwarf_line_program *ret);
void dwarf_line_program_deinit(struct dwarf_line_program *program);

#endif
