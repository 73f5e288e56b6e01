/* SPDX-License-Identifier: MIT */
/*
 * glibc-tally.c: what the chunks of a heap add up to.
 *
 * malloc_trim(0) first merges what is in fast bins with its neighbours, then gives back the whole pages
 * inside of each free chunk, except for its first 48 bytes, where the list's links are; of the main
 * arena's top it gives back what is above the smallest chunk and a byte, in whole pages. It does not
 * touch the caches of threads, nor the tops of other arenas. So free chunks and those of fast bins are
 * collected into runs, and a run's inner pages count as far as they are resident.
 *
 * By itself glibc gives memory back only from an arena's end. Free memory that lies deeper is held by
 * the used blocks above it. The walk notes, as steps, each group of used blocks with the free memory in
 * front of it; from the end downwards their sums say how much would go back if the last 1, 2, … groups
 * were freed. The choice among them is the one with the most bytes held for the square root of the
 * number of blocks: three blocks that hold 30 MB say more than one that holds 10, and one that holds
 * 900 MB more than five thousand that hold 1000. A heap that is not an arena's last goes back only whole.
 */
#include "process/glibc-tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/macro.h"

enum {
	LINKS_SIZE = 48, /* of a large chunk, at its beginning */
	MIN_HELD = 128 << 10,
	MIN_RATIO = 8, /* bytes held for a byte of the blocks */
};

int glibc_tally_init(struct glibc_tally *tally, struct arena *arena, struct arena_sizes *sizes,
		     uint64_t trim_unit)
{
	*tally = (struct glibc_tally){
		.arena = arena, .sizes = sizes, .trim_unit = MAX(trim_unit, MEMORY_PAGE_SIZE)};
	tally->steps = calloc(GLIBC_TALLY_STEPS, sizeof(*tally->steps));
	return tally->steps ? 0 : -ENOMEM;
}

void glibc_tally_deinit(struct glibc_tally *tally)
{
	free(tally->steps);
	tally->steps = NULL;
}

static uint64_t resident(const struct glibc_tally *tally, uint64_t start, uint64_t end)
{
	return residency_bytes(tally->map, start, end);
}

void glibc_tally_begin(struct glibc_tally *tally, const struct glibc_region *region,
		       const struct residency *map, bool top_moves)
{
	uint64_t header = region->search ? 0 : region->first - region->start;

	tally->region = region;
	tally->map = map;
	tally->top_moves = top_moves;
	tally->range = (struct arena_range){
		.start = region->start,
		.end = region->reserved,
		.metadata_resident = resident(tally, region->start, region->start + header),
	};
	tally->arena->metadata += header;
	tally->run_start = tally->run_end = 0;
	tally->n_steps = 0;
	tally->last_is_free = false;
}

/* The run is over: its whole pages would go back. */
static void end_run(struct glibc_tally *tally)
{
	uint64_t start = ALIGN_UP(tally->run_start + LINKS_SIZE, (uint64_t)MEMORY_PAGE_SIZE);
	uint64_t end = ALIGN_DOWN(tally->run_end, (uint64_t)MEMORY_PAGE_SIZE);

	if (tally->run_end && start < end)
		tally->arena->trimmable += resident(tally, start, end);
	tally->run_start = tally->run_end = 0;
}

/* What of the main arena's top would go back. */
static void trim_top(struct glibc_tally *tally, uint64_t start, uint64_t end)
{
	uint64_t area = end - start, extra;

	tally->run_start = tally->run_end = 0;
	if (!tally->top_moves || area <= GLIBC_MIN_CHUNK + 1)
		return;
	extra = ALIGN_DOWN(area - GLIBC_MIN_CHUNK - 1, tally->trim_unit);
	tally->arena->trimmable += resident(tally, end - extra, end);
}

static struct glibc_step *step_at(const struct glibc_tally *tally, size_t i)
{
	return &tally->steps[i % GLIBC_TALLY_STEPS];
}

static void step_free(struct glibc_tally *tally, uint64_t start, uint64_t bytes_resident)
{
	if (!tally->last_is_free)
		*step_at(tally, tally->n_steps) = (struct glibc_step){.start = start};
	tally->last_is_free = true;
	step_at(tally, tally->n_steps)->free_resident += bytes_resident;
}

static void step_used(struct glibc_tally *tally, const struct glibc_chunk *chunk)
{
	struct glibc_step *step;

	if (tally->last_is_free || !tally->n_steps) {
		if (!tally->last_is_free)
			*step_at(tally, 0) = (struct glibc_step){.start = chunk->address};
		tally->n_steps++;
		tally->last_is_free = false;
	}
	step = step_at(tally, tally->n_steps - 1);
	if (!step->n_blocks) {
		step->first = chunk->address + 16;
		step->first_size = chunk->size - 8;
	}
	step->n_blocks++;
	step->bytes += chunk->size;
}

static void count_free(struct glibc_tally *tally, const struct glibc_chunk *chunk, uint64_t bytes)
{
	struct arena *arena = tally->arena;

	arena->free += chunk->size;
	arena->free_blocks++;
	tally->range.free_resident += bytes;
	if (chunk->kind == GLIBC_FREE_CACHED) {
		arena->cached += chunk->size;
		end_run(tally);
		step_used(tally, chunk);
		return;
	}
	if (chunk->kind == GLIBC_FREE_FAST) {
		arena->fast += chunk->size;
		arena->cached += chunk->size;
	}
	if (tally->run_end != chunk->address)
		tally->run_start = chunk->address;
	tally->run_end = chunk->address + chunk->size;
	if (chunk->kind == GLIBC_TOP) {
		arena->top += chunk->size;
		trim_top(tally, tally->run_start, tally->run_end);
		return;
	}
	arena->largest_free = MAX(arena->largest_free, chunk->size);
	arena_sizes_add(tally->sizes, false, chunk->size - 8);
	step_free(tally, chunk->address, bytes);
}

int glibc_tally_chunk(const struct glibc_chunk *chunk, void *tally_)
{
	struct glibc_tally *tally = tally_;
	uint64_t bytes = resident(tally, chunk->address, chunk->address + chunk->size);

	switch (chunk->kind) {
	case GLIBC_FREE:
	case GLIBC_FREE_FAST:
	case GLIBC_FREE_CACHED:
	case GLIBC_TOP:
		count_free(tally, chunk, bytes);
		return 0;
	case GLIBC_TABLE:
		step_used(tally, chunk);
		/* fall through */
	case GLIBC_FENCE:
		tally->arena->metadata += chunk->size;
		tally->range.metadata_resident += bytes;
		break;
	case GLIBC_IN_USE:
		tally->arena->in_use_blocks++;
		arena_sizes_add(tally->sizes, true, chunk->size - 8);
		/* fall through */
	case GLIBC_GAP:
	case GLIBC_UNREAD:
		tally->torn |= chunk->kind == GLIBC_UNREAD;
		if (chunk->kind != GLIBC_IN_USE)
			tally->arena->unread += chunk->size;
		step_used(tally, chunk);
		tally->arena->in_use += chunk->size;
		tally->range.in_use_resident += bytes;
		break;
	}
	end_run(tally);
	return 0;
}

static int add_pin(struct arena *arena, const struct arena_pin *pin)
{
	if (GROW(arena->pins, arena->n_pins) < 0)
		return -ENOMEM;
	arena->pins[arena->n_pins++] = *pin;
	return 0;
}

static bool pin_is_worth_it(const struct arena_pin *pin)
{
	return pin->holds >= MIN_HELD && pin->holds / MIN_RATIO >= pin->bytes;
}

/* Whether a holds more for its number of blocks than b. */
static bool pin_is_better(const struct arena_pin *a, const struct arena_pin *b)
{
	double ratio = b->holds ? (double)a->holds / (double)b->holds : 2;

	return !b->n_blocks || ratio * ratio * (double)b->n_blocks > (double)a->n_blocks;
}

int glibc_tally_end(struct glibc_tally *tally)
{
	struct arena_pin pin = {.end = tally->region->top ? tally->region->top
							  : tally->region->end},
			 best = {};
	size_t n = MIN(tally->n_steps, GLIBC_TALLY_STEPS - 1);

	end_run(tally);
	if (!tally->region->top && tally->last_is_free)
		pin.holds = step_at(tally, tally->n_steps)->free_resident;
	tally->arena->in_use_resident += tally->range.in_use_resident;
	tally->arena->free_resident += tally->range.free_resident;
	tally->arena->metadata_resident += tally->range.metadata_resident;
	for (size_t i = 0; i < n; i++) {
		const struct glibc_step *step = step_at(tally, tally->n_steps - 1 - i);
		bool is_whole = i + 1 == tally->n_steps;

		pin.address = step->first;
		pin.size = step->first_size;
		pin.n_blocks += step->n_blocks;
		pin.bytes += step->bytes;
		pin.holds += step->free_resident;
		pin.start = step->start;
		if ((tally->region->top || is_whole) && pin_is_worth_it(&pin) &&
		    pin_is_better(&pin, &best))
			best = pin;
	}
	return best.n_blocks ? add_pin(tally->arena, &best) : 0;
}
