/* SPDX-License-Identifier: MIT */
/*
 * jemalloc-tally.c: which blocks of a slab are resident is not asked: as many as can be, and the rest of what is
 * resident there is free. What caches of threads hold is spread over all blocks, and jemalloc's own blocks over what
 * active pages have beside the blocks, as its sums have them.
 */
#include "process/jemalloc-tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/scale.h"

enum { SMALLEST_LARGE = 36 }; /* size class of the smallest block that is in no slab */

int jemalloc_tally_init(struct jemalloc_tally *tally, struct memory *memory)
{
	*tally = (struct jemalloc_tally){.runs.memory = memory};
	tally->arenas = calloc(JEMALLOC_ARENAS, sizeof(*tally->arenas));
	return tally->arenas ? 0 : -ENOMEM;
}

void jemalloc_tally_deinit(struct jemalloc_tally *tally)
{
	free(tally->arenas);
	runs_deinit(&tally->runs);
	*tally = (struct jemalloc_tally){0};
}

void jemalloc_tally_forget(struct jemalloc_tally *tally)
{
	memset(tally->arenas, 0, JEMALLOC_ARENAS * sizeof(*tally->arenas));
	runs_forget(&tally->runs);
	tally->sizes = (struct arena_sizes){};
	tally->has_huge_pages = false;
}

/* Bytes of the blocks in an active extent. */
static uint64_t add_blocks(struct jemalloc_tally *tally, const struct jemalloc_extent *extent,
			   struct jemalloc_sums *sums)
{
	const uint64_t size = jemalloc_size(extent->size_class);
	struct arena_sizes_count *count = &tally->sizes.in_use[arena_sizes_class(size)];
	uint64_t n;

	if (!extent->is_slab) {
		/* a small one that was sampled has pages of its own */
		const uint32_t size_class = MAX(extent->size_class, (uint32_t)SMALLEST_LARGE);

		sums->large += jemalloc_size(size_class);
		return jemalloc_size(size_class);
	}
	n = extent->size / size - extent->free_blocks;
	sums->small += n * size;
	count->blocks += n;
	count->bytes += n * size;
	return n * size;
}

int jemalloc_tally_extent(const struct jemalloc_extent *extent, void *tally_)
{
	struct jemalloc_tally *tally = tally_;
	struct jemalloc_arena_tally *arena = &tally->arenas[extent->arena];
	struct jemalloc_sums *sums = &arena->sums;
	uint64_t *const by_state[] = {
		[JEMALLOC_ACTIVE] = &sums->active,
		[JEMALLOC_DIRTY] = &sums->dirty,
		[JEMALLOC_MUZZY] = &sums->muzzy,
		[JEMALLOC_RETAINED] = &sums->retained,
	};
	const uint64_t end = extent->address + extent->size;
	uint64_t resident, used = 0;
	struct arena_range *range = runs_add(&tally->runs, extent->arena, extent->address, end);
	int r = range ? runs_resident(&tally->runs, extent->address, end, &resident) : -ENOMEM;

	if (r < 0)
		return r;
	arena->is_there = true;
	tally->has_huge_pages |= extent->is_huge_page;
	*by_state[extent->state] += extent->size;
	if (extent->state == JEMALLOC_ACTIVE) {
		used = add_blocks(tally, extent, sums);
		used = MIN(used, resident);
		arena->waste_resident += resident - used;
	} else if (extent->state != JEMALLOC_RETAINED) {
		arena->trimmable_resident += resident;
	}
	range->in_use_resident += used;
	range->free_resident += resident - used;
	return 0;
}

int jemalloc_tally_base(struct jemalloc_tally *tally, uint32_t arena, uint64_t address,
			uint64_t size)
{
	struct arena_range *range = runs_add(&tally->runs, arena, address, address + size);
	uint64_t resident;
	int r = range ? runs_resident(&tally->runs, address, address + size, &resident) : -ENOMEM;

	if (r >= 0)
		range->metadata_resident += resident;
	return r;
}

/* Moves what caches have from blocks to free, and what jemalloc has from there to metadata. */
static void move_shares(const struct jemalloc_arena_tally *tally, const struct arena *arena,
			struct arena_range *range, uint64_t free_resident)
{
	const uint64_t allocated = arena->in_use + arena->cached;
	const uint64_t beside = tally->sums.active - MIN(allocated, tally->sums.active);
	const uint64_t internal = arena->metadata - tally->sums.base;
	const uint64_t own = beside ? scale(tally->waste_resident, internal, beside) : 0;
	const uint64_t to_metadata =
		free_resident ? scale(range->free_resident, own, free_resident) : 0;
	const uint64_t to_free =
		allocated ? scale(range->in_use_resident, arena->cached, allocated) : 0;

	range->in_use_resident -= to_free;
	range->free_resident += to_free - to_metadata;
	range->metadata_resident += to_metadata;
}

int jemalloc_tally_tell(const struct jemalloc_tally *tally, uint32_t id, struct arenas *ret)
{
	const struct jemalloc_arena_tally *arena_tally = &tally->arenas[id];
	const uint32_t index = (uint32_t)ret->n_arenas;
	const size_t first = ret->n_ranges;
	struct arena *arena = arenas_add(ret);
	uint64_t free_resident;
	int r;

	if (!arena)
		return -ENOMEM;
	*arena = jemalloc_arena(id, &arena_tally->sums);
	r = runs_hand_over(&tally->runs, id, ret, index);
	free_resident = arena->free_resident;
	for (size_t i = first; r >= 0 && i < ret->n_ranges; i++)
		move_shares(arena_tally, arena, &ret->ranges[i], free_resident);
	arenas_sum_ranges(ret, index);
	arena->trimmable = arena_tally->trimmable_resident;
	return r;
}

void jemalloc_tally_tell_sizes(const struct jemalloc_tally *tally, struct arenas *ret)
{
	for (size_t i = 0; i < ARENA_SIZES_CLASSES; i++) {
		ret->sizes.in_use[i].blocks += tally->sizes.in_use[i].blocks;
		ret->sizes.in_use[i].bytes += tally->sizes.in_use[i].bytes;
	}
}
