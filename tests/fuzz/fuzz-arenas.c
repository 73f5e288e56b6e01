/* SPDX-License-Identifier: MIT */
/*
 * The input is damage: three bytes of place and eight of value, again and again, done to the memory of a
 * process that uses some version of glibc's malloc. What is read of it has to hold together, or be
 * refused.
 */
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "tests/support/glibc-image.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { PLACE = 3, CHANGE = PLACE + 8 };

static struct glibc_image image;

/* Where an offset into all three parts falls. */
static uint64_t address_of(uint32_t offset)
{
	const uint32_t end = GLIBC_IMAGE_DATA + 2 * GLIBC_IMAGE_HEAP;

	offset = ALIGN_DOWN(offset % (end - 8), 8);
	if (offset < GLIBC_IMAGE_DATA)
		return GLIBC_IMAGE_DATA_START + offset;
	offset -= GLIBC_IMAGE_DATA;
	if (offset < GLIBC_IMAGE_HEAP)
		return GLIBC_IMAGE_BREAK_START + offset;
	return GLIBC_IMAGE_HEAP_START + offset - GLIBC_IMAGE_HEAP;
}

static void fill(void)
{
	for (int in_heap = 0; in_heap < 2; in_heap++) {
		for (int i = 0; i < 40; i++) {
			uint64_t chunk = glibc_image_add(&image, in_heap, 32 + i * 16, true);

			if (i < 4 && image.version->bins >= 104)
				glibc_image_add_fast(&image, chunk);
			else if (i < 8 && in_heap && image.version->table)
				glibc_image_add_cached(&image, chunk);
			else if (i % 4 == 0)
				glibc_image_add(&image, in_heap, 2048, false);
		}
	}
	glibc_image_finish(&image);
}

static void check(const struct arenas *arenas)
{
	for (size_t i = 0; i < arenas->n_arenas; i++) {
		const struct arena *arena = &arenas->arenas[i];

		if (arena->system != arena->in_use + arena->free + arena->metadata ||
		    arena->resident != arena->in_use_resident + arena->free_resident +
					       arena->metadata_resident ||
		    arena->cached > arena->free || arena->fast > arena->cached)
			abort();
	}
	for (size_t i = 0; i < arenas->n_ranges; i++)
		if (arenas->ranges[i].arena >= arenas->n_arenas ||
		    arenas->ranges[i].start >= arenas->ranges[i].end)
			abort();
}

static int visit(const struct arenas_block *block, void *n)
{
	/* no block is smaller than what malloc gives */
	if (block->size < 8)
		abort();
	return ++*(size_t *)n > 1 << 20;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct arenas arenas = {};
	uint32_t tid = 1;
	size_t n = 0;

	if (size < 1)
		return 0;
	glibc_image_init(&image, &glibc_versions[bytes[0] % glibc_n_versions]);
	image.target.tids = &tid;
	image.target.n_tids = 1;
	fill();
	for (size_t at = 1; at + CHANGE <= size; at += CHANGE) {
		uint32_t offset = bytes[at] | bytes[at + 1] << 8 | (uint32_t)bytes[at + 2] << 16;
		uint64_t word;

		memcpy(&word, bytes + at + PLACE, sizeof(word));
		glibc_image_set(&image, address_of(offset), word);
	}
	if (glibc_arenas_read(&image.target, &arenas) >= 0)
		check(&arenas);
	glibc_arenas_visit(&image.target, visit, &n);
	arenas_deinit(&arenas);
	glibc_image_deinit(&image);
	return 0;
}
