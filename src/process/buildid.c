/* SPDX-License-Identifier: MIT */
/*
 * buildid.c: notes are a row of records: their header, a name and contents, both filled up to four bytes.
 */
#include "process/buildid.h"

#include <elf.h>
#include <string.h>

#include "base/macro.h"

size_t buildid_find(const void *notes, size_t size, void *ret, size_t max)
{
	const char *at = notes;
	Elf64_Nhdr note;

	while (size > sizeof(note)) {
		size_t name, contents;

		memcpy(&note, at, sizeof(note));
		at += sizeof(note);
		size -= sizeof(note);
		name = ALIGN_UP((size_t)note.n_namesz, 4);
		contents = ALIGN_UP((size_t)note.n_descsz, 4);
		if (name > size || contents > size - name)
			return 0;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && !memcmp(at, "GNU", 4) &&
		    note.n_descsz <= max) {
			memcpy(ret, at + name, note.n_descsz);
			return note.n_descsz;
		}
		at += name + contents;
		size -= name + contents;
	}
	return 0;
}
