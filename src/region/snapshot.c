/* SPDX-License-Identifier: MIT */
/*
 * snapshot.c: what an open region holds, copied out.
 *
 * What changes (how far each table is used) is copied anew for each stage of a snapshot and cut to what
 * the table holds. Entries are copied, then checked, then used; no pointer into a region ever exists
 * outside of source.c.
 *
 * The stages go against the direction of references. A live block names a site, a site names frames, a
 * frame names a module, a module names a string, and the writer publishes what is named before what
 * names it. So blocks are copied first and strings last: whatever a copied entry names was there before
 * the entry was, and is found in the table that is copied later.
 *
 * How entries are copied stands in table.c, how they are checked in validate.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/grow.h"
#include "base/macro.h"
#include "region/opened.h"
#include "region/region.h"
#include "region/ring.h"
#include "region/source.h"
#include "region/table.h"
#include "region/validate.h"

struct stage {
	struct region *region;
	struct region_snapshot *snapshot;
	uint64_t sequence; /* ring: of the entry that is visited next */
};

static int visit_live(void *context, uint64_t index, const void *bytes, bool stable)
{
	struct stage *stage = context;
	struct region_snapshot *snapshot = stage->snapshot;
	struct mt_live live;
	int r;

	memcpy(&live, bytes, sizeof(live));
	if (!index || !live.addr)
		return 0;
	if (!stable || live.addr + live.size < live.addr) {
		snapshot->n_damaged_live++;
		return 0;
	}
	r = GROW(snapshot->live, snapshot->n_live);
	if (r < 0)
		return r;
	snapshot->live[snapshot->n_live++] = live;
	return 0;
}

static int visit_map(void *context, uint64_t index, const void *bytes, bool stable)
{
	struct stage *stage = context;
	struct region_snapshot *snapshot = stage->snapshot;
	struct mt_map map;
	int r;

	memcpy(&map, bytes, sizeof(map));
	if (!index || !map.start)
		return 0;
	if (!stable || map.start + map.size < map.start) {
		snapshot->n_damaged_maps++;
		return 0;
	}
	r = GROW(snapshot->maps, snapshot->n_maps);
	if (r < 0)
		return r;
	snapshot->maps[snapshot->n_maps++] = map;
	return 0;
}

static int visit_event(void *context, uint64_t index, const void *bytes, bool stable)
{
	struct stage *stage = context;
	struct region_snapshot *snapshot = stage->snapshot;
	struct mt_event slot, event;
	int r;

	memcpy(&slot, bytes, sizeof(slot));
	/* a ring of one entry stands for the slot: the sequence is all that ring_get asks */
	if (!ring_get(&slot, 1, stage->sequence++, &event) || !stable)
		return 0;
	r = GROW(snapshot->events, snapshot->n_events);
	if (r < 0)
		return r;
	snapshot->events[snapshot->n_events++] = event;
	return 0;
}

/* Blocks and mappings: what others name is not yet known. */
static int take_blocks(struct region *region, struct region_snapshot *snapshot)
{
	const struct mt_header *header = &snapshot->header;
	struct stage stage = {region, snapshot, 0};
	int r;

	r = table_visit(region->source, &header->live, header->n_live, visit_live, &stage);
	if (r < 0)
		return r;
	return table_visit(region->source, &header->maps, header->n_maps, visit_map, &stage);
}

/* Events from since on, oldest first. */
static int take_events(struct region *region, uint64_t since, struct region_snapshot *snapshot)
{
	const struct mt_table *ring = &snapshot->header.ring;
	struct stage stage = {region, snapshot, 0};
	uint64_t end = snapshot->header.n_events, slot, n;
	int r;

	if (!ring->capacity || since >= end)
		return 0;
	stage.sequence = since;
	if (end - since > ring->capacity)
		stage.sequence = end - ring->capacity;
	/* a ring that has been used is there as far as it has */
	if (table_used(region->source, ring, MIN(end, ring->capacity)) ==
	    MIN(end, ring->capacity)) {
		while (stage.sequence < end) {
			slot = stage.sequence % ring->capacity;
			n = MIN(end - stage.sequence, ring->capacity - slot);
			r = table_visit_range(region->source, ring, slot, slot + n, visit_event,
					      &stage);
			if (r < 0)
				return r;
		}
	}
	snapshot->n_events_missed = end - since - snapshot->n_events;
	return 0;
}

static int visit_site(void *context, uint64_t index, const void *bytes, bool stable)
{
	struct stage *stage = context;

	/* counters that move while they are copied are still counters */
	memcpy(&stage->snapshot->sites[index], bytes, sizeof(struct mt_site));
	return 0;
}

static int visit_module(void *context, uint64_t index, const void *bytes, bool stable)
{
	struct stage *stage = context;

	if (stable)
		memcpy(&stage->snapshot->modules[index], bytes, sizeof(struct mt_module));
	return 0;
}

static int visit_thread(void *context, uint64_t index, const void *bytes, bool stable)
{
	struct stage *stage = context;

	memcpy(&stage->snapshot->threads[index], bytes, sizeof(struct mt_thread));
	return 0;
}

/* An array for the n entries that will be copied and for entry 0, which is there even if n is 0. */
static int allocate(uint64_t n, size_t entry_size, void *ret)
{
	void *array = calloc(n ? n : 1, entry_size);

	if (!array)
		return -ENOMEM;
	*(void **)ret = array;
	return 0;
}

static int take_sites(struct region *region, struct region_snapshot *snapshot)
{
	const struct mt_header *header = &snapshot->header;
	struct stage stage = {region, snapshot, 0};
	int r;

	snapshot->n_sites = (uint32_t)table_used(region->source, &header->sites, header->n_sites);
	r = allocate(snapshot->n_sites, sizeof(*snapshot->sites), &snapshot->sites);
	if (r < 0)
		return r;
	return table_visit(region->source, &header->sites, snapshot->n_sites, visit_site, &stage);
}

static int take_frames(struct region *region, struct region_snapshot *snapshot)
{
	const struct mt_table *table = &snapshot->header.stacks;
	int r;

	snapshot->n_frames = table_used(region->source, table, snapshot->header.n_stacks);
	r = allocate(snapshot->n_frames, sizeof(*snapshot->frames), &snapshot->frames);
	if (r < 0)
		return r;
	return source_copy(region->source, snapshot->n_frames ? table->offset : 0, snapshot->frames,
			   snapshot->n_frames * sizeof(*snapshot->frames));
}

static int take_modules(struct region *region, struct region_snapshot *snapshot)
{
	const struct mt_header *header = &snapshot->header;
	struct stage stage = {region, snapshot, 0};
	int r;

	snapshot->n_modules =
		(uint32_t)table_used(region->source, &header->modules, header->n_modules);
	r = allocate(snapshot->n_modules, sizeof(*snapshot->modules), &snapshot->modules);
	if (r < 0)
		return r;
	return table_visit(region->source, &header->modules, snapshot->n_modules, visit_module,
			   &stage);
}

static int take_threads(struct region *region, struct region_snapshot *snapshot)
{
	const struct mt_header *header = &snapshot->header;
	struct stage stage = {region, snapshot, 0};
	int r;

	snapshot->n_threads =
		(uint32_t)table_used(region->source, &header->threads, header->n_threads);
	r = allocate(snapshot->n_threads, sizeof(*snapshot->threads), &snapshot->threads);
	if (r < 0)
		return r;
	return table_visit(region->source, &header->threads, snapshot->n_threads, visit_thread,
			   &stage);
}

/* The string behind the last is the empty one. */
static int take_strings(struct region *region, struct region_snapshot *snapshot)
{
	const struct mt_table *table = &snapshot->header.strings;
	int r;

	snapshot->n_strings = table_used(region->source, table, snapshot->header.n_strings);
	r = allocate(snapshot->n_strings + 1, 1, &snapshot->strings);
	if (r < 0)
		return r;
	return source_copy(region->source, snapshot->n_strings ? table->offset : 0,
			   snapshot->strings, snapshot->n_strings);
}

/*
 * Each stage reads the counters anew: what earlier stages name is below them. Threads before sites: what goes from one
 * to the other meanwhile is seen twice, and never less than what is live.
 */
static int take_all(struct region *region, uint64_t since_event, struct region_snapshot *snapshot)
{
	static int (*const stages[])(struct region *, struct region_snapshot *) = {
		take_threads, take_sites, take_frames, take_modules, take_strings};
	uint64_t n_events;
	size_t i;
	int r;

	r = region_read_counters(region, &snapshot->header);
	if (r < 0)
		return r;
	r = take_blocks(region, snapshot);
	if (r < 0)
		return r;
	snapshot->taken_ns = clock_ns(CLOCK_MONOTONIC);
	r = take_events(region, since_event, snapshot);
	if (r < 0)
		return r;
	/* the next snapshot goes on with the events that this one did not see */
	n_events = snapshot->header.n_events;
	for (i = 0; i < ARRAY_SIZE(stages); i++) {
		r = region_read_counters(region, &snapshot->header);
		if (r < 0)
			return r;
		r = stages[i](region, snapshot);
		if (r < 0)
			return r;
	}
	snapshot->header.n_events = n_events;
	return 0;
}

int region_snapshot(struct region *region, uint64_t since_event, struct region_snapshot *ret)
{
	_cleanup_(region_snapshot_deinit) struct region_snapshot snapshot = {0};
	int r;

	r = take_all(region, since_event, &snapshot);
	if (r < 0)
		return r;
	validate_snapshot(&snapshot);
	*ret = snapshot;
	snapshot = (struct region_snapshot){0};
	return 0;
}

int region_count(struct region *region, struct region_snapshot *ret)
{
	_cleanup_(region_snapshot_deinit) struct region_snapshot snapshot = {0};
	int r;

	r = region_read_counters(region, &snapshot.header);
	if (r >= 0)
		r = take_blocks(region, &snapshot);
	if (r < 0)
		return r;
	snapshot.taken_ns = clock_ns(CLOCK_MONOTONIC);
	/* what the blocks name is below the counters that are read now */
	r = region_read_counters(region, &snapshot.header);
	if (r >= 0)
		r = take_threads(region, &snapshot);
	if (r >= 0)
		r = region_read_counters(region, &snapshot.header);
	if (r >= 0)
		r = take_sites(region, &snapshot);
	if (r < 0)
		return r;
	validate_counters(&snapshot);
	*ret = snapshot;
	snapshot = (struct region_snapshot){0};
	return 0;
}

int region_frames(struct region *region, uint64_t first, uint64_t **ret, uint64_t *ret_n)
{
	const struct mt_table *table;
	struct mt_header header;
	uint64_t *frames, n;
	int r = region_read_counters(region, &header);

	if (r < 0)
		return r;
	table = &header.stacks;
	n = table_used(region->source, table, header.n_stacks);
	n = n > first ? n - first : 0;
	r = allocate(n, sizeof(*frames), &frames);
	if (r < 0)
		return r;
	r = source_copy(region->source, n ? table->offset + first * sizeof(*frames) : 0, frames,
			n * sizeof(*frames));
	if (r < 0) {
		free(frames);
		return r;
	}
	*ret = frames;
	*ret_n = n;
	return 0;
}

void region_snapshot_deinit(struct region_snapshot *snapshot)
{
	free(snapshot->sites);
	free(snapshot->frames);
	free(snapshot->modules);
	free(snapshot->strings);
	free(snapshot->threads);
	free(snapshot->live);
	free(snapshot->maps);
	free(snapshot->events);
	*snapshot = (struct region_snapshot){0};
}
