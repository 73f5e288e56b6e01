/* SPDX-License-Identifier: MIT */
/*
 * areas.c: finders add what they are sure of, surest first. Then overlaps are cut: an area that was
 * added later gives way, so that no byte is claimed twice, and what is left of it may be two pieces.
 */
#include "process/areas.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/macro.h"
#include "base/search.h"

enum { PAGES_AT_ONCE = 4096 };

void areas_deinit(struct areas *areas)
{
	free(areas->areas);
	*areas = (struct areas){};
}

struct area *areas_add(struct areas *areas)
{
	if (GROW(areas->areas, areas->n_areas) < 0)
		return NULL;
	areas->areas[areas->n_areas] = (struct area){0};
	return &areas->areas[areas->n_areas++];
}

/* Index of the first settled area that ends above address. */
static size_t find_above(const struct areas *settled, uint64_t address)
{
	return SEARCH(settled->n_areas, i, settled->areas[i].end <= address);
}

static int insert_at(struct areas *settled, size_t index, const struct area *area)
{
	if (!areas_add(settled))
		return -ENOMEM;
	memmove(&settled->areas[index + 1], &settled->areas[index],
		(settled->n_areas - 1 - index) * sizeof(*area));
	settled->areas[index] = *area;
	return 0;
}

/* Inserts what of the area is not covered yet, piece by piece. */
static int settle_one(struct areas *settled, const struct area *area)
{
	struct area piece = *area;

	while (piece.start < area->end) {
		size_t index = find_above(settled, piece.start);
		const bool has_next = index < settled->n_areas;
		const uint64_t next = has_next ? settled->areas[index].start : UINT64_MAX;
		int r;

		if (next <= piece.start) {
			piece.start = settled->areas[index].end;
			continue;
		}
		piece.end = MIN(area->end, next);
		r = insert_at(settled, index, &piece);
		if (r < 0)
			return r;
		piece.start = piece.end;
	}
	return 0;
}

int areas_settle(struct areas *areas)
{
	struct areas settled = {};

	for (size_t i = 0; i < areas->n_areas; i++) {
		int r = settle_one(&settled, &areas->areas[i]);

		if (r < 0) {
			areas_deinit(&settled);
			return r;
		}
	}
	areas_deinit(areas);
	*areas = settled;
	return 0;
}

int areas_count_pages(struct memory *memory, uint64_t start, uint64_t end, uint64_t *ret_resident,
		      uint64_t *ret_swapped)
{
	const uint64_t page = MEMORY_PAGE_SIZE;
	uint64_t resident = 0, swapped = 0;
	uint8_t pages[PAGES_AT_ONCE];

	start = ALIGN_DOWN(start, page);
	end = ALIGN_UP(end, page);
	while (start < end) {
		const size_t n = (size_t)MIN((end - start) / page, (uint64_t)PAGES_AT_ONCE);
		int r = memory_pages(memory, start, n, pages);

		if (r < 0)
			return r;
		for (size_t i = 0; i < n; i++) {
			resident += pages[i] & MEMORY_RESIDENT ? page : 0;
			swapped += pages[i] & MEMORY_SWAPPED ? page : 0;
		}
		start += n * page;
	}
	if (ret_resident)
		*ret_resident = resident;
	if (ret_swapped)
		*ret_swapped = swapped;
	return 0;
}

int areas_measure(struct areas *areas, struct memory *memory)
{
	for (size_t i = 0; i < areas->n_areas; i++) {
		struct area *area = &areas->areas[i];
		int r = areas_count_pages(memory, area->start, area->end, &area->resident,
					  &area->swapped);

		if (r < 0)
			return r;
	}
	return 0;
}

bool areas_read(struct memory *memory, uint64_t address, void *buffer, size_t size)
{
	return memory_read_present(memory, address, buffer, size) >= 0;
}
