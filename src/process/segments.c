/* SPDX-License-Identifier: MIT */
/*
 * segments.c: the program headers of an ELF file. The bytes may come from a process or a core that is hostile:
 * the headers are as they stand there, and only their number is checked.
 */
#include "process/segments.h"

#include <string.h>

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
