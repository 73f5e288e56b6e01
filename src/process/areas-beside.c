/* SPDX-License-Identifier: MIT */
/*
 * areas-beside.c: ranges and areas are settled together, the ranges first. An area that is cut has to be measured
 * again: what is resident in a piece is not its share of the whole.
 */
#include "process/areas-beside.h"

#include <errno.h>

#include "base/macro.h"

/* In the kind of an area: a range's. */
enum { KIND_RANGE = AREA_N_KINDS };

static int add(struct areas *areas, const struct area *area)
{
	struct area *added = areas_add(areas);

	if (!added)
		return -ENOMEM;
	*added = *area;
	return 0;
}

static int settle(const struct areas *areas, const struct arenas *arenas, struct areas *ret)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < arenas->n_ranges; i++)
		r = add(ret, &(struct area){.start = arenas->ranges[i].start,
					    .end = arenas->ranges[i].end,
					    .kind = KIND_RANGE});
	for (size_t i = 0; r >= 0 && i < areas->n_areas; i++)
		if (areas->areas[i].kind == AREA_HEAP)
			r = add(ret, &areas->areas[i]);
	return r < 0 ? r : areas_settle(ret);
}

int areas_leave_ranges(struct areas *areas, const struct arenas *arenas, struct memory *memory)
{
	_cleanup_(areas_deinit) struct areas all = {}, left = {}, pieces = {};
	int r = settle(areas, arenas, &all);

	for (size_t i = 0; r >= 0 && i < all.n_areas; i++)
		if (all.areas[i].kind != KIND_RANGE)
			r = add(&pieces, &all.areas[i]);
	if (r >= 0)
		r = areas_measure(&pieces, memory);
	for (size_t i = 0; r >= 0 && i < areas->n_areas; i++)
		if (areas->areas[i].kind != AREA_HEAP)
			r = add(&left, &areas->areas[i]);
	for (size_t i = 0; r >= 0 && i < pieces.n_areas; i++)
		r = add(&left, &pieces.areas[i]);
	if (r >= 0)
		r = areas_settle(&left);
	if (r < 0)
		return r;
	areas_deinit(areas);
	*areas = left;
	left = (struct areas){};
	return 0;
}
