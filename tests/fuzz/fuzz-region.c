/* SPDX-License-Identifier: MIT */
/*
 * fuzz-region.c: a region that a hostile process filled. Whatever is in it, a snapshot holds what
 * region.h promises: every reference is followed here.
 */
#include "region/region.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool promise)
{
	if (!promise)
		abort();
}

static void check_names(const struct region_snapshot *snapshot)
{
	size_t total = 0;
	uint32_t i;

	for (i = 0; i < snapshot->n_modules; i++) {
		const struct mt_module *module = &snapshot->modules[i];

		check(module->path <= snapshot->n_strings);
		check(strlen(snapshot->strings + module->path) == module->path_length ||
		      !module->end);
		check(module->build_id_size <= sizeof(module->build_id));
		check(module->start < module->end || !module->end);
	}
	for (i = 0; i < snapshot->n_threads; i++)
		total += strlen(snapshot->threads[i].name);
	check(total <= (size_t)snapshot->n_threads * (MT_THREAD_NAME - 1));
	check(strlen(snapshot->header.exe) < sizeof(snapshot->header.exe));
	check(strlen(snapshot->header.comm) < sizeof(snapshot->header.comm));
	check(snapshot->header.state <= MT_STATE_DETACHED);
}

static void check_sites(const struct region_snapshot *snapshot)
{
	uint32_t i, n;

	check(snapshot->n_sites > 0 && !snapshot->sites[0].n_frames);
	for (i = 1; i < snapshot->n_sites; i++) {
		const struct mt_site *site = &snapshot->sites[i];

		if (!site->n_frames)
			continue;
		check(site->n_frames <= MT_FRAMES_MAX);
		for (n = 0; n < site->n_frames; n++) {
			uint32_t module = MT_FRAME_MODULE(snapshot->frames[site->stack + n]);

			check(module < snapshot->n_modules);
			check(module == MT_MODULE_NONE || snapshot->modules[module].end);
		}
	}
}

static void check_entries(const struct region_snapshot *snapshot)
{
	uint32_t i;

	for (i = 0; i < snapshot->n_live; i++) {
		check(snapshot->live[i].addr && snapshot->live[i].site < snapshot->n_sites);
		check(snapshot->sites[snapshot->live[i].site].n_frames);
		check(snapshot->live[i].thread < snapshot->n_threads);
	}
	for (i = 0; i < snapshot->n_maps; i++) {
		check(snapshot->maps[i].start && snapshot->maps[i].site < snapshot->n_sites);
		check(snapshot->sites[snapshot->maps[i].site].n_frames);
		check(snapshot->maps[i].thread < snapshot->n_threads);
	}
	for (i = 0; i < snapshot->n_events; i++) {
		check(snapshot->events[i].site < snapshot->n_sites);
		check(snapshot->events[i].thread < snapshot->n_threads);
		check(!i || snapshot->events[i].seq > snapshot->events[i - 1].seq);
	}
}

static int begin(void *context, const struct mt_header *header)
{
	*(struct mt_header *)context = *header;
	return 0;
}

static void see_live(void *context, uint32_t index, const struct mt_live *live)
{
	const struct mt_header *header = context;

	check(index < header->n_live && (!live || live->addr));
}

static void see_map(void *context, uint32_t index, const struct mt_map *map)
{
	const struct mt_header *header = context;

	check(index < header->n_maps && (!map || map->start));
}

/* The second time nothing has changed. */
static void check_changes(struct region *region)
{
	static const struct region_visitor visitor = {begin, see_live, see_map};
	struct region_seen seen = {};
	struct mt_header header;

	if (region_visit_changed(region, &seen, &visitor, &header) == 0)
		(void)region_visit_changed(region, &seen, &visitor, &header);
	region_seen_deinit(&seen);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct region_snapshot snapshot;
	struct region *region;

	if (region_open_bytes(data, size, &region) < 0)
		return 0;
	if (region_snapshot(region, 0, &snapshot) == 0) {
		check_names(&snapshot);
		check_sites(&snapshot);
		check_entries(&snapshot);
		region_snapshot_deinit(&snapshot);
	}
	check_changes(region);
	region_free(region);
	return 0;
}
