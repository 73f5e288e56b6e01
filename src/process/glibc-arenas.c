/* SPDX-License-Identifier: MIT */
/*
 * glibc-arenas.c: from a process to its arenas, in the order in which each step needs the one before:
 * the ring of arenas (glibc-state), the thresholds (glibc-params), the threads and their caches
 * (glibc-threads, glibc-caches), the heaps (glibc-heaps), their chunks (glibc-walk) and the sums over
 * them (glibc-tally), and what has mappings of its own (glibc-mmapped).
 *
 * An arena whose chunks do not fit together, because the process is at work, is read again as a whole a
 * few times; what then still is unclear is counted as unread.
 */
#include "process/glibc-arenas.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/macro.h"
#include "process/glibc-heaps.h"
#include "process/glibc-mmapped.h"
#include "process/glibc-reader.h"
#include "process/glibc-tally.h"
#include "process/residency.h"

enum { ARENA_TRIES = 3 };

static int add_tids(const struct glibc_reader *reader, struct arena *arena)
{
	arena->tids = calloc(reader->threads.n_threads ?: 1, sizeof(*arena->tids));
	if (!arena->tids)
		return -ENOMEM;
	for (size_t i = 0; i < reader->threads.n_threads; i++)
		if (reader->threads.threads[i].arena == arena->address)
			arena->tids[arena->n_tids++] = reader->threads.threads[i].tid;
	return 0;
}

/* Makes the arena's sums equations. */
static void close_sums(struct arena *arena)
{
	uint64_t sum = arena->in_use + arena->free + arena->metadata;

	if (arena->system > sum) {
		arena->unread += arena->system - sum;
		arena->in_use += arena->system - sum;
	}
	arena->system = arena->in_use + arena->free + arena->metadata;
	arena->peak_system = MAX(arena->peak_system, arena->system);
	arena->resident = arena->in_use_resident + arena->free_resident + arena->metadata_resident;
}

/* Whether the end of a region is the end of the program break. */
static bool top_moves(const struct glibc_reader *reader, const struct glibc_region *region)
{
	uint64_t start, end;

	return region->main && region->top &&
	       glibc_break_find(reader->target->maps, &reader->states.states[0], &start, &end) &&
	       region->end <= end && ALIGN_UP(region->end, 4096) == end;
}

static int compare_pins(const void *a, const void *b)
{
	const struct arena_pin *one = a, *other = b;

	return one->holds > other->holds ? -1 : one->holds < other->holds;
}

/* One reading of an arena. */
struct reading {
	struct arena arena;
	struct arena_sizes sizes;
	struct arena_range *ranges;
	size_t n_ranges;
	bool torn; /* chunks did not fit together */
};

static void reading_deinit(struct reading *reading)
{
	free(reading->arena.pins);
	free(reading->arena.tids);
	free(reading->ranges);
	*reading = (struct reading){0};
}

/* Nothing but what identifies the arena. */
static void reading_begin(struct reading *reading, const struct glibc_state *state, uint32_t id)
{
	reading_deinit(reading);
	reading->arena = (struct arena){
		.allocator = ARENAS_GLIBC,
		.kind = id ? ARENA_THREAD : ARENA_MAIN,
		.id = id,
		.address = state->address,
		.system = state->system,
		.peak_system = state->peak_system,
	};
}

static int tally_regions(const struct glibc_reader *reader, const struct glibc_regions *regions,
			 struct reading *reading)
{
	_cleanup_(glibc_tally_deinit) struct glibc_tally tally = {};
	struct arena *arena = &reading->arena;
	int r = glibc_tally_init(&tally, arena, &reading->sizes,
				 reader->has_params ? reader->params.thp_page_size : 0);

	for (size_t i = 0; r >= 0 && i < regions->n_regions; i++) {
		_cleanup_(residency_deinit) struct residency map = {};
		const struct glibc_region *region = &regions->regions[i];

		r = glibc_reader_map(reader, region, &map);
		if (r < 0)
			break;
		glibc_tally_begin(&tally, region, &map, top_moves(reader, region));
		r = glibc_reader_walk(reader, region, &map, glibc_tally_chunk, &tally);
		if (r >= 0)
			r = glibc_tally_end(&tally);
		reading->ranges[i] = tally.range;
	}
	if (r >= 0 && arena->n_pins)
		qsort(arena->pins, arena->n_pins, sizeof(*arena->pins), compare_pins);
	reading->torn = tally.torn;
	return r;
}

static int read_once(const struct glibc_reader *reader, const struct glibc_state *state,
		     struct reading *reading)
{
	_cleanup_(glibc_regions_deinit) struct glibc_regions regions = {};
	int r = glibc_reader_regions(reader, state, &regions);

	if (r < 0)
		return r;
	reading->ranges = calloc(regions.n_regions ?: 1, sizeof(*reading->ranges));
	if (!reading->ranges)
		return -ENOMEM;
	reading->n_ranges = reading->arena.n_heaps = regions.n_regions;
	return tally_regions(reader, &regions, reading);
}

static void add_sizes(struct arena_sizes_count *sum, const struct arena_sizes_count *counts)
{
	for (size_t i = 0; i < ARENA_SIZES_CLASSES; i++) {
		sum[i].blocks += counts[i].blocks;
		sum[i].bytes += counts[i].bytes;
	}
}

/* Hands the reading's arena over. */
static int add_reading(struct arenas *arenas, struct reading *reading)
{
	struct arena *place = arenas_add(arenas);

	if (!place)
		return -ENOMEM;
	*place = reading->arena;
	reading->arena = (struct arena){0};
	for (size_t i = 0; i < reading->n_ranges; i++) {
		struct arena_range *range = arenas_add_range(arenas);

		if (!range)
			return -ENOMEM;
		*range = reading->ranges[i];
		range->arena = (uint32_t)(arenas->n_arenas - 1);
	}
	add_sizes(arenas->sizes.in_use, reading->sizes.in_use);
	add_sizes(arenas->sizes.holes, reading->sizes.holes);
	return 0;
}

/* -EBADMSG if it has no form that is known. */
static int read_arena(const struct glibc_reader *reader, uint32_t id, struct arenas *arenas)
{
	_cleanup_(reading_deinit) struct reading reading = {};
	struct glibc_state state = reader->states.states[id];
	int r = -EBADMSG;

	for (int tries = 0; tries < ARENA_TRIES; tries++) {
		if (tries && glibc_state_read(reader->target->memory, &reader->states.layout,
					      state.address, &state) < 0)
			break;
		reading_begin(&reading, &state, id);
		r = read_once(reader, &state, &reading);
		if (r == -ENOMEM || r == -ESRCH ||
		    (r >= 0 && (!reading.torn || arena_is_read(&reading.arena))))
			break;
	}
	if (r < 0)
		return r == -EFAULT ? -EBADMSG : r;
	close_sums(&reading.arena);
	r = add_tids(reader, &reading.arena);
	return r < 0 ? r : add_reading(arenas, &reading);
}

static void refuse(struct arenas *arenas, const char *format, unsigned number)
{
	char *text = NULL;

	if (arenas->refused || asprintf(&text, format, number) < 0)
		return;
	arenas->refused = text;
}

static int read_mmapped(const struct glibc_reader *reader, struct arenas *arenas,
			struct glibc_mmapped *ret)
{
	arenas_sort(arenas);
	return glibc_mmapped_read(reader->target->memory, reader->target->maps, arenas,
				  &reader->params, ret);
}

/* All blocks with a mapping of their own make up one arena. */
static int add_mmapped(const struct glibc_reader *reader, struct arenas *arenas)
{
	_cleanup_(glibc_mmapped_deinit) struct glibc_mmapped found = {};
	_cleanup_(reading_deinit) struct reading reading = {};
	struct arena *arena = &reading.arena;
	int r = read_mmapped(reader, arenas, &found);

	if (r < 0 || (!found.n_blocks && !reader->params.mmapped))
		return r;
	*arena = (struct arena){
		.allocator = ARENAS_GLIBC,
		.kind = ARENA_MMAPPED,
		.id = (uint32_t)reader->states.n_states,
		.n_heaps = found.n_blocks,
		.system = reader->params.mmapped,
		.peak_system = reader->params.peak_mmapped,
		.in_use = found.bytes,
		.in_use_blocks = found.n_blocks,
	};
	reading.ranges = calloc(found.n_blocks ?: 1, sizeof(*reading.ranges));
	if (!reading.ranges)
		return -ENOMEM;
	for (reading.n_ranges = 0; reading.n_ranges < found.n_blocks; reading.n_ranges++) {
		_cleanup_(residency_deinit) struct residency map = {};
		const struct glibc_mmapped_block *block = &found.blocks[reading.n_ranges];
		struct arena_range *range = &reading.ranges[reading.n_ranges];

		r = residency_read(reader->target->memory, block->start, block->end, &map);
		if (r < 0)
			return r;
		arena_sizes_add(&reading.sizes, true, block->end - block->chunk - 16);
		range->start = block->start;
		range->end = block->end;
		range->in_use_resident = residency_bytes(&map, block->start, block->end);
		arena->in_use_resident += range->in_use_resident;
	}
	close_sums(arena);
	return add_reading(arenas, &reading);
}

static int read_all(const struct glibc_reader *reader, struct arenas *arenas)
{
	int r;

	for (size_t i = 0; i < reader->states.n_states; i++) {
		r = read_arena(reader, (uint32_t)i, arenas);
		if (r == -EBADMSG)
			refuse(arenas,
			       "glibc's arena %u was left out: its heaps are not linked in a way that is known",
			       (unsigned)i);
		else if (r < 0)
			return r;
	}
	arenas->mmap_threshold = arenas->trim_threshold = arenas->n_mmaps = ARENAS_UNKNOWN;
	if (reader->has_params) {
		arenas->mmap_threshold = reader->params.mmap_threshold;
		arenas->trim_threshold = reader->params.trim_threshold;
		arenas->n_mmaps = reader->params.n_mmaps;
		arenas->fixed_thresholds = reader->params.fixed;
		r = add_mmapped(reader, arenas);
		if (r < 0)
			return r;
	}
	arenas_sort(arenas);
	return 0;
}

int glibc_arenas_read(const struct glibc_target *target, struct arenas *arenas)
{
	_cleanup_(glibc_reader_deinit) struct glibc_reader reader = {};
	int r = glibc_reader_init(&reader, target);

	if (r == -EBADMSG) {
		refuse(arenas,
		       "glibc's arenas were not found in its data, or have a form that is not known",
		       0);
		return 0;
	}
	if (r == GLIBC_FOUND)
		return read_all(&reader, arenas);
	arenas->unused = r == GLIBC_UNUSED;
	return r < 0 ? r : 0;
}

struct visitor {
	arenas_visit visit;
	void *userdata;
	uint32_t arena;
};

static int visit_chunk(const struct glibc_chunk *chunk, void *visitor_)
{
	const struct visitor *visitor = visitor_;
	struct arenas_block block = {chunk->address + 16, chunk->size - 8, ARENAS_FREE,
				     visitor->arena};

	if (chunk->kind == GLIBC_IN_USE)
		block.state = ARENAS_IN_USE;
	else if (chunk->kind > GLIBC_TOP)
		return 0;
	return visitor->visit(&block, visitor->userdata);
}

/* Visits the chunks of an arena, and notes its ranges. */
static int visit_arena(const struct glibc_reader *reader, const struct glibc_regions *regions,
		       struct visitor *visitor, struct arenas *known)
{
	int r = 0;

	for (size_t i = 0; !r && i < regions->n_regions; i++) {
		_cleanup_(residency_deinit) struct residency map = {};
		const struct glibc_region *region = &regions->regions[i];
		struct arena_range *range = arenas_add_range(known);

		if (!range)
			return -ENOMEM;
		*range = (struct arena_range){.start = region->start, .end = region->reserved};
		r = glibc_reader_map(reader, region, &map);
		if (r >= 0)
			r = glibc_reader_walk(reader, region, &map, visit_chunk, visitor);
	}
	return r;
}

static int visit_mmapped(const struct glibc_reader *reader, struct visitor *visitor,
			 struct arenas *known)
{
	_cleanup_(glibc_mmapped_deinit) struct glibc_mmapped found = {};
	int r = read_mmapped(reader, known, &found);

	for (size_t i = 0; !r && i < found.n_blocks; i++) {
		const struct glibc_mmapped_block *at = &found.blocks[i];
		struct arenas_block block = {at->chunk + 16, at->end - at->chunk - 16,
					     ARENAS_IN_USE, visitor->arena};

		r = visitor->visit(&block, visitor->userdata);
	}
	return r;
}

int glibc_arenas_visit(const struct glibc_target *target, arenas_visit visit, void *userdata)
{
	_cleanup_(glibc_reader_deinit) struct glibc_reader reader = {};
	_cleanup_(arenas_deinit) struct arenas known = {};
	struct visitor visitor = {.visit = visit, .userdata = userdata};
	int r = glibc_reader_init(&reader, target);

	if (r != GLIBC_FOUND)
		return r == -EBADMSG || r >= 0 ? -ENOTSUP : r;
	for (size_t i = 0; i < reader.states.n_states; i++) {
		_cleanup_(glibc_regions_deinit) struct glibc_regions regions = {};

		r = glibc_reader_regions(&reader, &reader.states.states[i], &regions);
		if (r == -EBADMSG) /* glibc_arenas_read leaves it out, too */
			continue;
		r = r ?: visit_arena(&reader, &regions, &visitor, &known);
		if (r)
			return r;
		visitor.arena++;
	}
	return reader.has_params ? visit_mmapped(&reader, &visitor, &known) : 0;
}
