/* SPDX-License-Identifier: MIT */
/*
 * glibc-mmapped.c: blocks that are told by the header at the beginning of their mapping.
 *
 * Such a chunk has IS_MMAPPED as its only flag, and prev_size, the distance from the beginning of the
 * mapping, and size make up whole pages. The distance is 0 unless the block had to be aligned; then the
 * block is the first place in the mapping with that alignment. The kernel shows neighbouring mappings
 * of one kind as one, so behind a block there may be the next, and in front of one something that is
 * not glibc's.
 *
 * glibc counts these blocks and their bytes. First the beginnings of mappings are looked at, and what
 * follows a block; only if the sum is not reached, the beginning of each resident page, up to a limit.
 */
#include "process/glibc-mmapped.h"

#include <errno.h>
#include <stdlib.h>

#include "base/grow.h"
#include "base/macro.h"
#include "process/residency.h"

enum { MAX_PAGES = 1 << 18, FLAGS = 7, IS_MMAPPED = 2 };

static const uint64_t max_alignment = UINT64_C(1) << 26;

struct finder {
	struct memory *memory;
	const struct glibc_params *params;
	struct glibc_mmapped *found;
	uint64_t pages_left;
	bool every_page;
};

void glibc_mmapped_deinit(struct glibc_mmapped *mmapped)
{
	free(mmapped->blocks);
	*mmapped = (struct glibc_mmapped){0};
}

static int add_block(struct glibc_mmapped *found, const struct glibc_mmapped_block *block)
{
	if (GROW(found->blocks, found->n_blocks) < 0)
		return -ENOMEM;
	found->blocks[found->n_blocks++] = *block;
	found->bytes += block->end - block->start;
	return 0;
}

static bool is_complete(const struct finder *finder)
{
	return finder->found->n_blocks == finder->params->n_mmaps &&
	       finder->found->bytes == finder->params->mmapped;
}

/* Whether a chunk of a mapping at start, of at most limit bytes, has its header at that distance. */
static bool header_holds(struct finder *finder, const struct residency *map, uint64_t start,
			 uint64_t distance, uint64_t limit, uint64_t *ret_end)
{
	uint64_t header[2], size, page = MEMORY_PAGE_SIZE;

	if (distance + 16 > limit || !residency_run(map, start + distance, 16) ||
	    memory_read(finder->memory, start + distance, header, sizeof(header)) < 0)
		return false;
	size = header[1] & ~(uint64_t)FLAGS;
	if ((header[1] & FLAGS) != IS_MMAPPED || header[0] != distance || size > limit - distance ||
	    size < 32 || !IS_ALIGNED(distance + size, page))
		return false;
	*ret_end = start + distance + size;
	return true;
}

static bool find_header(struct finder *finder, const struct residency *map, uint64_t start,
			uint64_t limit, struct glibc_mmapped_block *ret)
{
	uint64_t end, last = 0;

	*ret = (struct glibc_mmapped_block){.start = start, .chunk = start};
	if (header_holds(finder, map, start, 0, limit, &ret->end))
		return true;
	for (uint64_t alignment = 32; alignment <= max_alignment; alignment *= 2) {
		uint64_t distance = ALIGN_UP(start + 16, alignment) - 16 - start;

		if (distance == last || !header_holds(finder, map, start, distance, limit, &end))
			continue;
		ret->chunk = start + distance;
		ret->end = end;
		return true;
	}
	return false;
}

/* The part of a mapping that no arena has. */
static int search_part(struct finder *finder, uint64_t start, uint64_t end)
{
	_cleanup_(residency_deinit) struct residency map = {};
	uint64_t at = start;
	int r = residency_read(finder->memory, start, end, &map);

	while (r >= 0 && at < end && finder->pages_left) {
		struct glibc_mmapped_block block;

		finder->pages_left--;
		if (find_header(finder, &map, at, end - at, &block)) {
			r = add_block(finder->found, &block);
			at = block.end;
		} else if (finder->every_page) {
			at = ALIGN_DOWN(at, MEMORY_PAGE_SIZE) + MEMORY_PAGE_SIZE;
		} else {
			break;
		}
	}
	return r < 0 ? r : 0;
}

/* A mapping without the ranges that arenas have in it. */
static int search_mapping(struct finder *finder, const struct mapping *mapping,
			  const struct arenas *known)
{
	uint64_t at = mapping->start;

	for (size_t i = 0; i < known->n_ranges && at < mapping->end; i++) {
		const struct arena_range *range = &known->ranges[i];

		if (range->end <= at || range->start >= mapping->end)
			continue;
		if (range->start > at) {
			int r = search_part(finder, at, range->start);

			if (r < 0)
				return r;
		}
		at = range->end;
	}
	return at < mapping->end ? search_part(finder, at, mapping->end) : 0;
}

static int search_maps(struct finder *finder, const struct maps *maps, const struct arenas *known)
{
	finder->found->n_blocks = 0;
	finder->found->bytes = 0;
	finder->pages_left = MAX_PAGES;
	for (size_t i = 0; i < maps->n_mappings; i++) {
		const struct mapping *mapping = &maps->mappings[i];
		int r;

		if (!mapping->read || !mapping->write || mapping->shared ||
		    (*mapping->path && *mapping->path != '['))
			continue;
		r = search_mapping(finder, mapping, known);
		if (r < 0)
			return r;
	}
	return 0;
}

int glibc_mmapped_read(struct memory *memory, const struct maps *maps, const struct arenas *known,
		       const struct glibc_params *params, struct glibc_mmapped *ret)
{
	_cleanup_(glibc_mmapped_deinit) struct glibc_mmapped found = {};
	struct finder finder = {.memory = memory, .params = params, .found = &found};
	int r = 0;

	if (params->n_mmaps) {
		r = search_maps(&finder, maps, known);
		finder.every_page = true;
		if (r >= 0 && !is_complete(&finder))
			r = search_maps(&finder, maps, known);
	}
	if (r < 0)
		return r;
	found.complete = is_complete(&finder);
	*ret = found;
	found = (struct glibc_mmapped){0};
	return 0;
}
