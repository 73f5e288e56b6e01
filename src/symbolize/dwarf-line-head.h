/* SPDX-License-Identifier: MIT */
/*
 * dwarf-line-head.h: what stands in front of a line program: its files, and how its opcodes are to be read.
 */
#ifndef SYMBOLIZE_DWARF_LINE_HEAD_H
#define SYMBOLIZE_DWARF_LINE_HEAD_H

#include "symbolize/bytes.h"
#include "symbolize/elffile.h"

/* What line tables are made of. They live as long as the file; what is missing is empty. */
struct dwarf_line_sections {
	struct bytes line, line_str, str;
};

/* After libdw has opened the file, which unpacks what is compressed. */
void dwarf_line_sections_init(struct dwarf_line_sections *sections, const struct elffile *file);

struct dwarf_line_file {
	const char *dir, *name; /* of the section, each may be NULL; dir NULL: that of the unit */
	char *path;             /* both, for who wants to keep it here; freed with the file */
};

/* Zeroed is empty. */
struct dwarf_line_head {
	struct bytes program;
	uint8_t min_instruction, opcode_base, line_range; /* neither base nor range is 0 */
	int8_t line_base;
	const uint8_t *lengths; /* of standard opcodes; [0] is that of 1 */
	const char **dirs;      /* by number; NULL: the unit's */
	size_t n_dirs;
	struct dwarf_line_file *files; /* by number */
	size_t n_files;
};

/* Also of one that was not read, or not to its end. */
void dwarf_line_head_deinit(struct dwarf_line_head *head);

/* Versions 2 to 5. -EBADMSG: it makes no sense; -ENOMEM. */
int dwarf_line_head_read(struct dwarf_line_head *head, const struct dwarf_line_sections *sections,
			 uint64_t offset);

/* One file as versions 2 to 4 list them, which a program may add too. False in *ret_more: the list's end. */
int dwarf_line_head_add_file(struct dwarf_line_head *head, struct bytes *from, bool *ret_more);

#endif
