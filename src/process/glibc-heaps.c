/* SPDX-License-Identifier: MIT */
/*
 * glibc-heaps.c: where an arena's chunks begin and end.
 *
 * A heap of a thread's arena lies at a multiple of the reservation's size, so that glibc finds it from a
 * chunk by masking the address. It begins with a heap_info; the arena itself stands behind that of its
 * first heap:
 *
 *	first heap   │ heap_info │ malloc_state │ chunks … │ top or fence │ reserved, no access │
 *	later heap   │ heap_info │ chunks … │ top or fence │ reserved │
 *
 *	heap_info    ar_ptr, prev, size, mprotect_size; 2.35: pagesize and 8 bytes
 *
 * The size of heap_info follows from where the arena stands, the reservation's from mp_: 64 MB, or four
 * huge pages where the tunable for them was set.
 *
 * The main arena has the program break from mp_.sbrk_base up to the end of its top. When the break could
 * not be moved it goes on in mappings (glibc-morecore).
 */
#include "process/glibc-heaps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/macro.h"
#include "process/glibc-morecore.h"

#define DEFAULT_RESERVATION (UINT64_C(64) << 20)

enum { MAX_HEAPS = 1 << 20, OLD_HEADER = 32, NEW_HEADER = 48, MAX_GROWTH = 1 << 30, TOP_TRIES = 8 };

struct heap_info {
	uint64_t arena, previous, size, accessible;
};

void glibc_regions_deinit(struct glibc_regions *regions)
{
	free(regions->regions);
	*regions = (struct glibc_regions){0};
}

int glibc_regions_add(struct glibc_regions *regions, const struct glibc_region *region)
{
	if (GROW(regions->regions, regions->n_regions) < 0)
		return -ENOMEM;
	regions->regions[regions->n_regions++] = *region;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct glibc_region *one = a, *other = b;

	return one->start < other->start ? -1 : one->start > other->start;
}

/* The size of heap_info: the arena stands right behind its own. */
static int find_header_size(struct memory *memory, uint64_t arena, uint64_t reservation,
			    uint64_t *ret)
{
	static const uint64_t sizes[] = {NEW_HEADER, OLD_HEADER};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct heap_info info;

		if (IS_ALIGNED(arena - sizes[i], reservation) &&
		    memory_read(memory, arena - sizes[i], &info, sizeof(info)) == 0 &&
		    info.arena == arena) {
			*ret = sizes[i];
			return 0;
		}
	}
	return -EBADMSG;
}

static bool info_holds(const struct heap_info *info, uint64_t arena, uint64_t reservation)
{
	return info->arena == arena && info->size <= info->accessible &&
	       info->accessible <= reservation && info->size >= NEW_HEADER &&
	       IS_ALIGNED(info->previous, reservation);
}

static int read_thread_heaps(struct memory *memory, const struct glibc_layout *layout,
			     const struct glibc_state *state, uint64_t reservation,
			     struct glibc_regions *regions)
{
	uint64_t heap = ALIGN_DOWN(state->top, reservation), header_size;
	int r = find_header_size(memory, state->address, reservation, &header_size);

	if (r < 0)
		return r;
	do {
		struct glibc_region region = {.start = heap, .reserved = heap + reservation};
		struct heap_info info;

		r = memory_read(memory, heap, &info, sizeof(info));
		if (r < 0)
			return r == -EFAULT ? -EBADMSG : r;
		if (!info_holds(&info, state->address, reservation) ||
		    regions->n_regions >= MAX_HEAPS)
			return -EBADMSG;
		region.end = heap + info.size;
		region.first = heap + header_size;
		if (heap + header_size == state->address)
			region.first = ALIGN_UP(state->address + layout->size, GLIBC_ALIGNMENT);
		if (state->top >= heap && state->top < region.end)
			region.top = state->top;
		r = glibc_regions_add(regions, &region);
		if (r < 0)
			return r;
		heap = info.previous;
	} while (heap);
	return regions->regions[0].top ? 0 : -EBADMSG;
}

static bool may_be_break(const struct mapping *mapping)
{
	return mapping->write && *mapping->path != '/';
}

/*
 * A core file does not say which mapping the break was. It ends behind the top, and may be several, side by side,
 * where a part of it was advised to have huge pages.
 */
static void find_around_top(const struct maps *maps, uint64_t top, uint64_t *ret_start,
			    uint64_t *ret_end)
{
	const struct mapping *mapping = maps_find(maps, top);

	if (!mapping || !may_be_break(mapping))
		return;
	*ret_end = mapping->end;
	while (mapping > maps->mappings && mapping[-1].end == mapping->start &&
	       may_be_break(&mapping[-1]))
		mapping--;
	*ret_start = mapping->start;
}

bool glibc_break_find(const struct maps *maps, const struct glibc_state *main, uint64_t *ret_start,
		      uint64_t *ret_end)
{
	uint64_t start = 0, end = 0;

	for (size_t i = 0; i < maps->n_mappings; i++) {
		if (strcmp(maps->mappings[i].path, "[heap]") != 0)
			continue;
		if (!end)
			start = maps->mappings[i].start;
		end = maps->mappings[i].end;
	}
	if (!end && main->contiguous)
		find_around_top(maps, main->top, &start, &end);
	*ret_start = start;
	*ret_end = end;
	return end != 0;
}

static int read_top(struct memory *memory, const struct glibc_state *state, uint64_t *ret_end)
{
	uint64_t size;
	int r = memory_read(memory, state->top + 8, &size, sizeof(size));

	if (r < 0)
		return r == -EFAULT ? -EBADMSG : r;
	if (!IS_ALIGNED(state->top, GLIBC_ALIGNMENT) ||
	    __builtin_add_overflow(state->top, size & ~UINT64_C(7), ret_end))
		return -EBADMSG;
	return 0;
}

/*
 * Where the main arena's top begins and ends. Its size stands behind where it begins; when the program has moved
 * it meanwhile, that is some block's content. It ends with a page: if not, both are read again.
 */
static int settle_top(struct memory *memory, const struct glibc_layout *layout,
		      struct glibc_state *state, uint64_t *ret_end)
{
	int r = read_top(memory, state, ret_end);

	for (int tries = 1; tries < TOP_TRIES && (r < 0 || !IS_ALIGNED(*ret_end, 4096)); tries++) {
		r = glibc_state_read(memory, layout, state->address, state);
		if (r < 0)
			return r == -EFAULT ? -EBADMSG : r;
		r = read_top(memory, state, ret_end);
	}
	return r;
}

/* Where no piece has the top: it is known to be in this mapping. */
static int add_top_mapping(const struct maps *maps, const struct glibc_state *state,
			   uint64_t top_end, struct glibc_regions *regions)
{
	const struct mapping *mapping = maps_find(maps, state->top);
	struct glibc_region region = {.main = true, .top = state->top, .search = true};

	if (!mapping || !mapping->write || top_end > mapping->end)
		return -EBADMSG;
	region.start = region.first = mapping->start;
	region.end = region.reserved = top_end;
	return glibc_regions_add(regions, &region);
}

/* The mappings in which the break was continued; what is in regions are parts of the break. */
static int add_mapped(struct memory *memory, const struct maps *maps,
		      const struct glibc_state *state, const struct glibc_params *params,
		      uint64_t top_end, struct glibc_regions *regions)
{
	struct glibc_morecore morecore = {
		.memory = memory,
		.maps = maps,
		.top = state->top,
		.top_end = top_end,
		.base = params ? params->sbrk_base : 0,
		.wanted = state->system,
	};
	size_t n_before = regions->n_regions;
	int r;

	if (n_before) {
		morecore.break_start = regions->regions[0].start;
		morecore.break_end = regions->regions[0].end;
		morecore.wanted -= MIN(morecore.wanted, morecore.break_end - morecore.break_start);
	}
	r = glibc_morecore_find(&morecore, regions);
	if (r < 0)
		return r;
	for (size_t i = n_before; i < regions->n_regions; i++)
		if (regions->regions[i].top)
			return 0;
	return add_top_mapping(maps, state, top_end, regions);
}

static int read_main(struct memory *memory, const struct maps *maps,
		     const struct glibc_layout *layout, const struct glibc_state *before,
		     const struct glibc_params *params, struct glibc_regions *regions)
{
	struct glibc_region region = {.main = true};
	struct glibc_state settled = *before, *state = &settled;
	uint64_t top_end, start, end;
	int r;

	if (!state->system)
		return 0;
	r = settle_top(memory, layout, state, &top_end);
	if (r < 0)
		return r;
	if (glibc_break_find(maps, state, &start, &end) &&
	    (!params || (params->sbrk_base >= start && params->sbrk_base < end))) {
		region.start = params ? params->sbrk_base : start;
		region.first = ALIGN_UP(region.start, GLIBC_ALIGNMENT);
		region.search = !params;
		region.end = region.reserved = end;
		if (state->top >= region.first &&
		    (state->top < end ||
		     (state->top - end < MAX_GROWTH && !maps_find(maps, state->top)))) {
			region.top = state->top;
			/* the break may have moved since the maps were read, but a size that was torn
			   may say anything */
			if (top_end > end && top_end - end > MAX_GROWTH)
				return -EBADMSG;
			region.end = region.reserved = top_end;
		}
		r = glibc_regions_add(regions, &region);
		if (r < 0)
			return r;
	}
	return region.top ? 0 : add_mapped(memory, maps, state, params, top_end, regions);
}

int glibc_regions_read(struct memory *memory, const struct maps *maps,
		       const struct glibc_states *states, const struct glibc_state *state,
		       const struct glibc_params *params, struct glibc_regions *ret)
{
	_cleanup_(glibc_regions_deinit) struct glibc_regions regions = {};
	uint64_t reservation = DEFAULT_RESERVATION;
	int r;

	if (params && params->huge_page_size)
		reservation = 4 * params->huge_page_size;
	if (state->address == states->states[0].address)
		r = read_main(memory, maps, &states->layout, state, params, &regions);
	else
		r = read_thread_heaps(memory, &states->layout, state, reservation, &regions);
	if (r < 0)
		return r;
	if (regions.n_regions)
		qsort(regions.regions, regions.n_regions, sizeof(*regions.regions), compare);
	*ret = regions;
	regions = (struct glibc_regions){0};
	return 0;
}
