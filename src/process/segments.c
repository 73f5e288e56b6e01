/* SPDX-License-Identifier: MIT */
/*
 * segments.c: the program headers of an ELF file. The bytes may come from a process or a core that is hostile:
 * the headers are as they stand there, and only their number is checked.
 */
#include "process/segments.h"

#include <string.h>

#include "base/macro.h"
#include "process/memory.h"

size_t segments_read(segments_fetch fetch, void *from, Elf64_Phdr *ret, size_t max)
{
	Elf64_Ehdr header;

	if (!fetch(from, 0, &header, sizeof(header)) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(*ret) ||
	    header.e_phnum > max ||
	    !fetch(from, header.e_phoff, ret, header.e_phnum * sizeof(*ret)))
		return 0;
	return header.e_phnum;
}

bool segments_extent(const Elf64_Phdr *segments, size_t n, uint64_t *ret_start, uint64_t *ret_end)
{
	uint64_t low = UINT64_MAX, high = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t end;

		if (segments[i].p_type != PT_LOAD ||
		    __builtin_add_overflow(segments[i].p_vaddr, segments[i].p_memsz, &end))
			continue;
		low = MIN(low, ALIGN_DOWN(segments[i].p_vaddr, (uint64_t)MEMORY_PAGE_SIZE));
		high = MAX(high, end);
	}
	*ret_start = low;
	*ret_end = ALIGN_UP(high, (uint64_t)MEMORY_PAGE_SIZE);
	return low < high;
}
