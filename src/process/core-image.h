/* SPDX-License-Identifier: MIT */
/*
 * core-image.h: a core file as segments: which addresses were dumped, and where in the file they are.
 */
#ifndef PROCESS_CORE_IMAGE_H
#define PROCESS_CORE_IMAGE_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Invariants: segments are in order of address and do not overlap; start and end are multiples of a
 * page, end - start >= dumped; offset + dumped <= size of the file; the sum of dumped is not more
 * than that size, either.
 */
struct core_segment {
	uint64_t start, end;
	uint64_t offset, dumped; /* bytes from start on that are in the file, at offset */
	uint32_t flags;          /* PF_* */
	uint64_t *
		held; /* a bit a dumped page, set if it holds anything but zeros; NULL: not looked */
	uint64_t held_bytes; /* of pages whose bit is set */
};

struct core_image {
	int fd;
	uint64_t size; /* of the file */
	struct core_segment *segments;
	size_t n_segments;
	Elf64_Phdr *notes; /* the segments of type PT_NOTE */
	size_t n_notes;
	uint64_t missing; /* bytes that the segments promise behind the end of the file */
	uint64_t zeros; /* bytes of dumped pages, no holes, that are zeros; of segments looked at */
};

/* Takes fd over, on failure too. Errors as core_open. */
int core_image_init(struct core_image *image, int fd);
void core_image_deinit(struct core_image *image);

/* The segment that holds address, or NULL. */
struct core_segment *core_image_find(const struct core_image *image, uint64_t address);
/* Reads what is dumped of segment from address on: size bytes that are all there, or -EIO. */
int core_image_read(const struct core_image *image, const struct core_segment *segment,
		    uint64_t address, void *buffer, size_t size);
/* Fills held and held_bytes of the segment, once: reads all of it that is not a hole. */
int core_image_look(struct core_image *image, struct core_segment *segment);

#endif
