/* SPDX-License-Identifier: MIT */
/*
 * inject-image.h: the image as it is in the tool, and the places of its parts in a process.
 */
#ifndef PROCESS_INJECT_IMAGE_H
#define PROCESS_INJECT_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "region/inject-abi.h"

/*
 * The bytes behind the image: what the thread pointer of a thread of ours points to, in the midst of them;
 * the stack of its start function; the lists of patches.
 */
enum {
	IMAGE_TLS_SIZE = 8 << 10,
	IMAGE_STACK_SIZE = 128 << 10,
	IMAGE_LIST_SIZE = 1 << 20,
	IMAGE_PAGE = 4096,
};

struct inject_image {
	uint8_t *bytes;                  /* as laid out in memory, not relocated */
	uint64_t size;                   /* of code and data, whole pages */
	uint64_t data_offset, data_size; /* what can be written to; data_size without zeros */
	uint64_t text_offset, text_size;
	uint64_t eh_frame_hdr_offset;
	uint64_t front_size;    /* of the pages of the first segment: tables, and the park */
	uint64_t park_offset;   /* where a thread of ours stands until it is sent somewhere */
	uint64_t header_offset; /* of struct inject_header */
	uint64_t total;         /* with stack and lists */
};

/* -ENOSYS if this build has no image. */
int inject_image_init(struct inject_image *ret);
void inject_image_deinit(struct inject_image *image);

/* Makes it fit to stand at base; may be called again with another one. */
void inject_image_relocate(struct inject_image *image, uint64_t base);

/* After relocation. */
const struct inject_header *inject_image_header(const struct inject_image *image);

#endif
