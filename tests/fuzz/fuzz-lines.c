/* SPDX-License-Identifier: MIT */
/*
 * fuzz-lines.c: a line table that is none. Rows must ascend, and every file that a row names can be asked for.
 */
#include "symbolize/dwarf-lines.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a table, and behind it strings for version 5 */
	const struct bytes bytes = {data, data + size, false};
	const struct dwarf_line_sections sections = {bytes, bytes, bytes};
	const struct elffile code = {};
	struct dwarf_lines lines = {};

	if (dwarf_lines_load(&lines, &sections, 0, &code) < 0)
		abort();
	for (size_t i = 0; i < lines.n_rows; i++) {
		const char *file = dwarf_lines_file(&lines, lines.rows[i].file);

		if (file && strlen(file) > 2 * size + 1)
			abort();
		(void)dwarf_lines_find(&lines, lines.base + lines.rows[i].offset);
	}
	(void)dwarf_lines_find(&lines, UINT64_MAX);
	dwarf_lines_deinit(&lines);
	return 0;
}
