/* SPDX-License-Identifier: MIT */
/*
 * validate.c: makes every reference in a snapshot safe to follow.
 *
 * Works on the copy alone, from what is named to what names it: strings, modules, frames, threads, sites,
 * then blocks, mappings and events. What can be mended without guessing is mended (a frame that names no
 * module keeps its address, a block of an unknown thread keeps its site); what cannot is left out and
 * counted. Figures are not judged: a counter may hold anything. Only what threads have allocated and
 * not yet added to a site's counters is filled in as far as live blocks and frees show it.
 */
#include "region/validate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* No address space is larger than this. */
static const uint64_t size_max = 1ull << 57;

static void validate_header(struct mt_header *header)
{
	header->exe[sizeof(header->exe) - 1] = '\0';
	header->cmdline[sizeof(header->cmdline) - 1] = '\0';
	header->cmdline[sizeof(header->cmdline) - 2] = '\0';
	header->comm[sizeof(header->comm) - 1] = '\0';
	if (header->mode > MT_MODE_INJECTED)
		header->mode = MT_MODE_NONE;
	if (header->allocator > MT_ALLOCATOR_OTHER)
		header->allocator = MT_ALLOCATOR_OTHER;
	if (header->sampling > MT_SAMPLING_OFF)
		header->sampling = MT_SAMPLING_INTERVAL;
	if (header->state > MT_STATE_DETACHED)
		header->state = MT_STATE_RUNNING;
}

/* An array of which entry 0 is there and empty, even if nothing was copied. */
static uint32_t at_least_one(uint32_t n)
{
	return n ? n : 1;
}

static void validate_modules(struct region_snapshot *snapshot)
{
	struct mt_module *module;
	uint32_t i;

	snapshot->n_modules = at_least_one(snapshot->n_modules);
	memset(&snapshot->modules[MT_MODULE_NONE], 0, sizeof(*module));
	for (i = 1; i < snapshot->n_modules; i++) {
		module = &snapshot->modules[i];
		if (module->start >= module->end) {
			memset(module, 0, sizeof(*module));
			continue;
		}
		if (module->build_id_size > MT_BUILD_ID_MAX)
			module->build_id_size = 0;
		/* n_strings is the place of the empty string behind all others */
		if (module->path >= snapshot->n_strings ||
		    module->path_length > snapshot->n_strings - module->path)
			module->path = (uint32_t)snapshot->n_strings;
		module->path_length = (uint32_t)strlen(snapshot->strings + module->path);
	}
}

/* The string at 0 is the empty one, and reads as none. */
static uint32_t valid_string(const struct region_snapshot *snapshot, uint64_t offset)
{
	return offset < snapshot->n_strings ? (uint32_t)offset : 0;
}

static void validate_frames(struct region_snapshot *snapshot)
{
	uint64_t i, *frame;
	uint32_t module;

	for (i = 0; i < snapshot->n_frames; i++) {
		frame = &snapshot->frames[i];
		module = MT_FRAME_MODULE(*frame);
		if (module >= snapshot->n_modules || !snapshot->modules[module].end)
			*frame = MT_FRAME_PC(*frame);
	}
}

static void validate_threads(struct region_snapshot *snapshot)
{
	uint32_t i;

	snapshot->n_threads = at_least_one(snapshot->n_threads);
	snapshot->threads[0].tid = 0;
	for (i = 0; i < snapshot->n_threads; i++)
		snapshot->threads[i].name[MT_THREAD_NAME - 1] = '\0';
}

/* A counter that holds the bits of a double. */
static uint64_t valid_variance(uint64_t bits)
{
	double variance;

	memcpy(&variance, &bits, sizeof(variance));
	return isfinite(variance) && variance >= 0 ? bits : 0;
}

/* Apart from its stack. */
static bool is_site(const struct mt_site *site)
{
	return (site->kind == MT_SITE_MALLOC || site->kind == MT_SITE_MMAP) &&
	       site->n_frames <= MT_FRAMES_MAX;
}

/* The owner's share of the counters goes to them. */
static void add_own(struct mt_site *site)
{
	site->alloc_bytes += site->own_bytes;
	site->alloc_blocks += (uint64_t)site->own_blocks * MT_BLOCKS_ONE;
	site->own_bytes = site->own_blocks = 0;
}

static void validate_sites(struct region_snapshot *snapshot)
{
	struct mt_site *site;
	uint32_t i;

	snapshot->n_sites = at_least_one(snapshot->n_sites);
	memset(&snapshot->sites[0], 0, sizeof(*site));
	for (i = 1; i < snapshot->n_sites; i++) {
		site = &snapshot->sites[i];
		if (!site->n_frames)
			continue;
		if (!is_site(site) || site->stack > snapshot->n_frames ||
		    site->n_frames > snapshot->n_frames - site->stack) {
			site->n_frames = 0;
			snapshot->n_damaged_sites++;
			continue;
		}
		add_own(site);
		site->alloc_variance = valid_variance(site->alloc_variance);
		site->freed_variance = valid_variance(site->freed_variance);
		site->tag = valid_string(snapshot, site->tag);
	}
}

static bool has_site(const struct region_snapshot *snapshot, uint32_t site)
{
	return site < snapshot->n_sites && snapshot->sites[site].n_frames;
}

/* And so does what threads count of sites that are not theirs. */
static void add_tallies(struct region_snapshot *snapshot)
{
	for (uint32_t i = 0; i < snapshot->n_threads; i++)
		for (unsigned k = 0; k < MT_TALLIES; k++) {
			struct mt_tally *tally = &snapshot->threads[i].tallies[k];

			if (has_site(snapshot, tally->site)) {
				struct mt_site *site = &snapshot->sites[tally->site];

				site->alloc_bytes += tally->bytes;
				site->alloc_blocks += (uint64_t)tally->blocks * MT_BLOCKS_ONE;
			}
			*tally = (struct mt_tally){0};
		}
}

/* Threads that found no room are thread 0. */
static uint32_t valid_thread(const struct region_snapshot *snapshot, uint32_t thread)
{
	return thread < snapshot->n_threads && snapshot->threads[thread].tid ? thread : 0;
}

static void validate_live(struct region_snapshot *snapshot)
{
	uint32_t i, n = 0;

	for (i = 0; i < snapshot->n_live; i++) {
		struct mt_live live = snapshot->live[i];

		if (!has_site(snapshot, live.site) || live.size > size_max) {
			snapshot->n_damaged_live++;
			continue;
		}
		live.thread = valid_thread(snapshot, live.thread);
		snapshot->live[n++] = live;
	}
	snapshot->n_live = n;
}

static void validate_maps(struct region_snapshot *snapshot)
{
	uint32_t i, n = 0;

	for (i = 0; i < snapshot->n_maps; i++) {
		struct mt_map map = snapshot->maps[i];

		if (!has_site(snapshot, map.site) || map.size > size_max) {
			snapshot->n_damaged_maps++;
			continue;
		}
		map.thread = valid_thread(snapshot, map.thread);
		snapshot->maps[n++] = map;
	}
	snapshot->n_maps = n;
}

static void validate_events(struct region_snapshot *snapshot)
{
	uint32_t i;

	for (i = 0; i < snapshot->n_events; i++) {
		struct mt_event *event = &snapshot->events[i];

		if (!has_site(snapshot, event->site))
			event->site = 0;
		if (event->type == MT_EVENT_MARK)
			event->aux = valid_string(snapshot, event->aux);
		event->thread = (uint16_t)valid_thread(snapshot, event->thread);
	}
}

/* Takes a site's live blocks that were recorded exactly out of what it allocated, or puts them back. */
static void move_live(struct region_snapshot *snapshot, uint64_t sign)
{
	for (uint32_t i = 0; i < snapshot->n_live; i++) {
		const struct mt_live *live = &snapshot->live[i];
		struct mt_site *site = &snapshot->sites[live->site];

		if (live->interval)
			continue;
		site->alloc_bytes += sign * live->size;
		site->alloc_blocks += sign * MT_BLOCKS_ONE;
		site->alloc_samples += sign;
	}
}

/* What is left of a counter when what was freed is taken away, as if it had not been below that. */
static uint64_t at_least_freed(uint64_t allocated, uint64_t freed)
{
	return (int64_t)(allocated - freed) < 0 ? freed : allocated;
}

/* Counters lag, blocks do not: nothing is live or freed that was not allocated. */
static void complete_counters(struct region_snapshot *snapshot)
{
	move_live(snapshot, -1ull);
	for (uint32_t i = 1; i < snapshot->n_sites; i++) {
		struct mt_site *site = &snapshot->sites[i];

		site->alloc_bytes = at_least_freed(site->alloc_bytes, site->freed_bytes);
		site->alloc_blocks = at_least_freed(site->alloc_blocks, site->freed_blocks);
		site->alloc_samples = at_least_freed(site->alloc_samples, site->freed_samples);
	}
	move_live(snapshot, 1);
}

void validate_counters(struct region_snapshot *snapshot)
{
	validate_header(&snapshot->header);
	snapshot->n_sites = at_least_one(snapshot->n_sites);
	memset(&snapshot->sites[0], 0, sizeof(snapshot->sites[0]));
	for (uint32_t i = 1; i < snapshot->n_sites; i++) {
		struct mt_site *site = &snapshot->sites[i];

		site->stack = 0;
		add_own(site);
		if (site->n_frames && !is_site(site)) {
			site->n_frames = 0;
			snapshot->n_damaged_sites++;
		}
	}
	add_tallies(snapshot);
	/* they were needed for that alone */
	free(snapshot->threads);
	snapshot->threads = NULL;
	snapshot->n_threads = 0;
	validate_live(snapshot);
	validate_maps(snapshot);
}

void validate_snapshot(struct region_snapshot *snapshot)
{
	validate_header(&snapshot->header);
	validate_modules(snapshot);
	validate_frames(snapshot);
	validate_threads(snapshot);
	validate_sites(snapshot);
	add_tallies(snapshot);
	validate_live(snapshot);
	validate_maps(snapshot);
	validate_events(snapshot);
	complete_counters(snapshot);
}
