/* SPDX-License-Identifier: MIT */
/*
 * stackmodule.c: what the head of a file that a process has mapped says of it. Both tables that libunwind can
 * search and build IDs stand in segments of their own, of which the program headers tell.
 */
#include "process/stackmodule.h"

#include "base/macro.h"
#include "process/buildid.h"
#include "process/segments.h"

enum {
	SEGMENTS_MAX = 64,
	NOTES_MAX = 4096,
	/* of .eh_frame_hdr: how the table that libunwind can search is encoded */
	HEADER_VERSION = 1,
	POINTER_PC_RELATIVE_4 = 0x1b,
	COUNT_4 = 0x03,
	TABLE_RELATIVE_4 = 0x3b,
};

/* The frame table's header, if it is of the form that can be searched. */
static void read_frames(struct imagereader *reader, uint64_t at, struct stackwalk_module *module)
{
	uint8_t form[4];
	uint32_t n;

	if (imagereader_read(reader, at, form, sizeof(form)) < 0 ||
	    imagereader_read(reader, at + 8, &n, sizeof(n)) < 0)
		return;
	if (form[0] != HEADER_VERSION || form[1] != POINTER_PC_RELATIVE_4 || form[2] != COUNT_4 ||
	    form[3] != TABLE_RELATIVE_4)
		return;
	module->frames_base = at;
	module->frames_table = at + 12;
	module->n_frames = n;
}

static void read_build_id(struct imagereader *reader, uint64_t at, size_t size,
			  struct stackwalk_module *module)
{
	uint8_t notes[NOTES_MAX];

	size = MIN(size, sizeof(notes));
	if (imagereader_read(reader, at, notes, size) >= 0)
		module->build_id_size = (uint8_t)buildid_find(notes, size, module->build_id,
							      sizeof(module->build_id));
}

/* A file that is mapped from its beginning at start. */
struct mapped {
	struct imagereader *reader;
	uint64_t start;
};

static bool fetch_mapped(void *from, uint64_t offset, void *buffer, size_t size)
{
	const struct mapped *mapped = from;

	return imagereader_read(mapped->reader, mapped->start + offset, buffer, size) >= 0;
}

bool stackmodule_read(struct imagereader *reader, uint64_t start, struct stackwalk_module *module)
{
	Elf64_Phdr segments[SEGMENTS_MAX];
	struct mapped mapped = {reader, start};
	const size_t n = segments_read(fetch_mapped, &mapped, segments, SEGMENTS_MAX);
	uint64_t low, high;

	if (!segments_extent(segments, n, &low, &high))
		return false;
	module->bias = start - low;
	module->start = start;
	module->end = module->bias + high;
	for (size_t i = 0; i < n; i++) {
		const uint64_t at = module->bias + segments[i].p_vaddr;

		if (segments[i].p_type == PT_GNU_EH_FRAME)
			read_frames(reader, at, module);
		else if (segments[i].p_type == PT_NOTE && !module->build_id_size)
			read_build_id(reader, at, segments[i].p_filesz, module);
	}
	return true;
}
