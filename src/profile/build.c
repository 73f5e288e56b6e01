/* SPDX-License-Identifier: MIT */
/*
 * What is live is summed over the live slots, each with the interval that it was sampled at; what was
 * allocated comes from the sites' counters; what was freed is the difference. So the three agree with
 * each other even if the process was killed between two stores, where counters of frees might not.
 * A slot may be a moment ahead of the counter: allocated is then raised to what is live.
 *
 * Order: modules and threads; sites with their stacks (build-sites.c); blocks and mappings, which add up in the sites;
 * then the sites are ranked, and only then do the others refer to them by rank.
 */
#include "profile/build.h"

#include <errno.h>
#include <stdlib.h>

#include "base/grow.h"
#include "base/progress.h"
#include "profile/build-state.h"
#include "profile/holders.h"
#include "profile/rank.h"
#include "profile/subject.h"

enum { PAGE_BYTES = 4096 };

static void builder_deinit(struct builder *builder)
{
	locator_deinit(&builder->locator);
	map_deinit(&builder->by_id);
	free(builder->sites);
	free(builder->sums);
	profile_free(builder->profile);
}

static double age_s(const struct builder *builder, uint64_t time_ns)
{
	return (double)(builder->moment_ns - time_ns) / 1e9;
}

/* An entry whose thread slot was taken over by a younger thread is of nobody that is known. */
static uint32_t thread_of(const struct region_snapshot *snapshot, uint32_t thread, uint64_t time_ns)
{
	if (thread >= snapshot->n_threads || snapshot->threads[thread].tid == 0)
		return 0;
	return snapshot->threads[thread].start_ns > time_ns ? 0 : thread;
}

static int add_block(struct builder *builder, const struct profile_block *block)
{
	struct profile *profile = builder->profile;

	if (profile->n_blocks >= UINT32_MAX)
		return -E2BIG;
	if (GROW(profile->blocks, profile->n_blocks) < 0)
		return -ENOMEM;
	profile->blocks[profile->n_blocks++] = *block;
	if (block->site == PROFILE_NO_SITE)
		return 0;

	struct sum *sum = &builder->sums[block->site];
	estimate_add(&sum->live, block->size, block->interval);
	sum->oldest_s = MAX(sum->oldest_s, block->age_s);
	sum->youngest_s = sum->youngest_s < 0 ? block->age_s : MIN(sum->youngest_s, block->age_s);
	return 0;
}

static uint32_t site_of(const struct builder *builder, uint32_t site, uint32_t kind)
{
	uint32_t index = site < builder->snapshot->n_sites ? builder->sites[site] : PROFILE_NO_SITE;

	if (index != PROFILE_NO_SITE && builder->profile->sites[index].kind != kind)
		return PROFILE_NO_SITE;
	return index;
}

static int build_live(struct builder *builder)
{
	const struct region_snapshot *snapshot = builder->snapshot;
	const uint32_t kind =
		snapshot->header.mode == MT_MODE_FAULTS ? MT_SITE_PAGES : MT_SITE_MALLOC;

	for (uint32_t i = 0; i < snapshot->n_live; i++) {
		const struct mt_live *live = &snapshot->live[i];
		const struct profile_block block = {
			.address = live->addr,
			.size = live->size,
			.age_s = age_s(builder, live->time_ns),
			.site = site_of(builder, live->site, kind),
			.thread = thread_of(snapshot, live->thread, live->time_ns),
			.interval = live->interval,
			.flags = live->flags,
		};

		if (block.site == PROFILE_NO_SITE) {
			/* a block without a stack cannot be reported on: it is torn */
			builder->profile->n_damaged++;
			builder->profile->agent.exact = false;
			continue;
		}
		int r = add_block(builder, &block);
		if (r < 0)
			return r;
		/* memory behind a pool is counted by the pool's blocks */
		if (!profile_site_is_counted(&builder->profile->sites[block.site]))
			continue;
		estimate_add(&builder->heap, live->size, live->interval);
		if (live->flags & MT_LIVE_INHERITED)
			estimate_add(&builder->inherited, live->size, live->interval);
	}
	return 0;
}

static int build_maps(struct builder *builder)
{
	const struct region_snapshot *snapshot = builder->snapshot;
	struct profile *profile = builder->profile;

	for (uint32_t i = 0; i < snapshot->n_maps; i++) {
		const struct mt_map *map = &snapshot->maps[i];
		const struct profile_block block = {
			.address = map->start,
			.size = map->size,
			.age_s = age_s(builder, map->time_ns),
			.site = site_of(builder, map->site, MT_SITE_MMAP),
			.thread = thread_of(snapshot, map->thread, map->time_ns),
			.flags = map->flags,
		};
		int r = add_block(builder, &block);

		if (r < 0)
			return r;
		if (block.site != PROFILE_NO_SITE) {
			profile->sites[block.site].map_flags |= map->flags;
			if (map->flags & MT_MAP_BACKING)
				profile->sites[block.site].flags |= MT_STACK_BACKING;
		}
		if (!(map->flags & (MT_MAP_FILE | MT_MAP_BACKING)) &&
		    (block.site == PROFILE_NO_SITE ||
		     !(profile->sites[block.site].flags & MT_STACK_BACKING)))
			profile->heap.mapped_bytes += map->size;
	}
	return 0;
}

static uint64_t whole_blocks(uint64_t fixed_point)
{
	return fixed_point / MT_BLOCKS_ONE + (fixed_point % MT_BLOCKS_ONE >= MT_BLOCKS_ONE / 2);
}

static void finish_sites(struct builder *builder)
{
	struct profile *profile = builder->profile;

	for (size_t i = 0; i < profile->n_sites; i++) {
		struct profile_site *site = &profile->sites[i];
		const struct sum *sum = &builder->sums[i];
		site->live_bytes = estimate_round(sum->live.bytes);
		/* the interval is a whole number, so what comes out of it is nearly whole pages */
		if (site->kind == MT_SITE_PAGES)
			site->live_bytes =
				(site->live_bytes + PAGE_BYTES / 2) / PAGE_BYTES * PAGE_BYTES;
		site->live_blocks = estimate_round(sum->live.blocks);
		site->live_stderr = estimate_stderr(&sum->live);
		site->n_samples = sum->live.n_samples;
		site->allocated_bytes = MAX(site->allocated_bytes, site->live_bytes);
		site->allocated_blocks =
			MAX(whole_blocks(sum->allocated_blocks), site->live_blocks);
		site->freed_blocks = site->allocated_blocks - site->live_blocks;
		estimate_settle(&site->allocated_bytes, site->live_bytes, site->freed_blocks,
				sum->live.n_samples);
		site->freed_bytes = site->allocated_bytes - site->live_bytes;
		site->oldest_age_s = sum->oldest_s;
		site->youngest_age_s = sum->youngest_s;
	}
}

static void finish_heap(struct builder *builder)
{
	const struct mt_header *header = &builder->snapshot->header;
	struct profile *profile = builder->profile;
	struct profile_heap *heap = &profile->heap;

	/* pages that were touched say nothing of blocks */
	if (header->mode == MT_MODE_FAULTS) {
		profile_forget_heap(profile);
		return;
	}
	heap->live_bytes = estimate_round(builder->heap.bytes);
	heap->live_blocks = estimate_round(builder->heap.blocks);
	heap->live_stderr = estimate_stderr(&builder->heap);
	heap->inherited_bytes = estimate_round(builder->inherited.bytes);
	for (size_t i = 0; i < profile->n_sites; i++) {
		if (profile->sites[i].kind != MT_SITE_MALLOC ||
		    !profile_site_is_counted(&profile->sites[i]))
			continue;
		heap->allocated_bytes += profile->sites[i].allocated_bytes;
		heap->allocated_blocks += profile->sites[i].allocated_blocks;
	}
	/* sites round one by one, the sum rounds once */
	heap->allocated_bytes = MAX(heap->allocated_bytes, heap->live_bytes);
	heap->allocated_blocks = MAX(heap->allocated_blocks, heap->live_blocks);
	heap->freed_blocks = heap->allocated_blocks - heap->live_blocks;
	estimate_settle(&heap->allocated_bytes, heap->live_bytes, heap->freed_blocks,
			profile->n_sites);
	heap->freed_bytes = heap->allocated_bytes - heap->live_bytes;
	if (header->peak_live_bytes || !header->samples)
		heap->peak_live_bytes = MAX(header->peak_live_bytes, heap->live_bytes);
	if (header->mode == MT_MODE_PRELOAD)
		heap->before_attach_bytes = 0;
}

/* Ranks the sites, for blocks and for what comes with the region's numbers later. */
static int rank(struct builder *builder)
{
	struct profile *profile = builder->profile;

	profile->recorded_sites = TAKE_PTR(builder->sites);
	profile->n_recorded_sites = builder->snapshot->n_sites;
	return rank_sites(profile);
}

int profile_build(const struct region_snapshot *snapshot, const struct procinfo *info,
		  struct symbolizer *symbolizer, struct profile **ret)
{
	_cleanup_(builder_deinit) struct builder builder = {
		.profile = profile_new(),
		.snapshot = snapshot,
		.moment_ns = subject_find_moment(snapshot),
	};
	int r;

	if (!builder.profile)
		return -ENOMEM;
	r = subject_describe_process(snapshot, info, builder.moment_ns, builder.profile);
	if (r < 0)
		return r;
	subject_describe_agent(snapshot, builder.profile);
	r = subject_describe_threads(snapshot, builder.profile);
	if (r < 0)
		return r;
	r = locator_init(&builder.locator, builder.profile, snapshot, symbolizer);
	if (r < 0)
		return r;
	progress_begin("naming stacks", snapshot->n_sites);
	r = build_sites(&builder);
	progress_end();
	if (r < 0)
		return r;
	r = build_live(&builder);
	if (r < 0)
		return r;
	r = build_maps(&builder);
	if (r < 0)
		return r;
	finish_sites(&builder);
	finish_heap(&builder);
	r = rank(&builder);
	if (r < 0)
		return r;
	r = holders_find(builder.profile);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(builder.profile);
	return 0;
}
