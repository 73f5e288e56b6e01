/* SPDX-License-Identifier: MIT */
/*
 * frametable.h: a sorted table of the functions that .eh_frame describes, for files that the linker gave
 * none (.eh_frame_hdr): static programs. In the form of the linker's, so that whoever searches that can
 * search this.
 */
#ifndef PROCESS_FRAMETABLE_H
#define PROCESS_FRAMETABLE_H

#include <stddef.h>
#include <stdint.h>

/* Both relative to an address that the caller chooses. */
struct frametable_entry {
	int32_t function; /* where it begins */
	int32_t entry;    /* of its description in .eh_frame */
};

/*
 * Reads a section of size bytes that stands at address, which is not trusted. Addresses in ret are
 * relative to base; what is more than 2 GiB away from it is left out. The caller frees ret. -ENOMEM.
 */
int frametable_make(const uint8_t *section, size_t size, uint64_t address, uint64_t base,
		    struct frametable_entry **ret, size_t *ret_n);

/* Where .eh_frame is in the file's own addresses. -ENODATA: it has none, or is no ELF file. */
int frametable_find(const char *path, uint64_t *ret_address, uint64_t *ret_size);

#endif
