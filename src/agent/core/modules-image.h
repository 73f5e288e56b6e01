/* SPDX-License-Identifier: MIT */
/*
 * modules-image.h: what the loader and a module's own headers in memory say about a module.
 */
#ifndef AGENT_CORE_MODULES_IMAGE_H
#define AGENT_CORE_MODULES_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/loader-list.h"
#include "agent/core/modules.h"
#include "region/abi.h"

/* What _dl_find_object fills in on architectures without dlfo_eh_dbase. */
struct found_object {
	unsigned long long flags;
	uintptr_t start, end;
	struct loader_map *map;
	uintptr_t eh_frame_hdr;
	unsigned long long reserved[7];
};

struct image {
	uintptr_t start, end, bias;
	uintptr_t eh_frame_hdr, tables_start, tables_end;
	const char *name; /* as the loader has it; "" is the main program */
	const uint8_t *build_id;
	uint32_t build_id_size;
	uint64_t identity; /* hash of extent, bias, name, build ID and program headers; never 0 */
};

/* Called with the table of each module that is read and has one; NULL: nobody is. */
struct annotate_slots;
extern _hidden_ void (*image_annotate)(struct annotate_slots *slots, uintptr_t end);

/*
 * Reads the module that starts at start. end may be 0: it is then taken from the program headers.
 * eh_frame_hdr is what is used if they cannot be read. False if nothing is known about its extent.
 */
bool image_read(struct image *ret, uintptr_t start, uintptr_t end, const struct loader_map *map,
		uintptr_t eh_frame_hdr);

/* Whether the image at start is the one whose dynamic section is at dynamic. Asks before it reads. */
bool image_has_dynamic(uintptr_t start, const void *dynamic);

/* Where the ELF header of a module of the loader's list is, 0 if it is not found. */
uintptr_t image_find_start(const struct loader_map *map);

#endif
