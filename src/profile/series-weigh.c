/* SPDX-License-Identifier: MIT */
/*
 * Figures of one moment, by the region's sites. What is live is summed over the blocks, as in build.c: the
 * counters of frees lag behind by what threads have gathered, and a place that frees all that it allocates would
 * look as if it grew.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "profile/estimate.h"
#include "profile/series.h"

static void add_live(const struct region_snapshot *snapshot, struct estimate *sums)
{
	for (uint32_t i = 0; i < snapshot->n_live; i++)
		estimate_add(&sums[snapshot->live[i].site], snapshot->live[i].size,
			     snapshot->live[i].interval);
}

/* A mapping of the allocator makes its site one of those that nobody follows. */
static void add_maps(const struct region_snapshot *snapshot, struct estimate *sums,
		     struct series_site *sites)
{
	for (uint32_t i = 0; i < snapshot->n_maps; i++) {
		const struct mt_map *map = &snapshot->maps[i];

		estimate_add(&sums[map->site], map->size, 0);
		if (map->flags & MT_MAP_BACKING)
			sites[map->site].followed = false;
	}
}

int series_weigh(const struct region_snapshot *snapshot, struct series_site **ret)
{
	_cleanup_free_ struct estimate *sums = calloc(snapshot->n_sites + 1, sizeof(*sums));
	struct series_site *sites = calloc(snapshot->n_sites + 1, sizeof(*sites));

	if (!sums || !sites) {
		free(sites);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < snapshot->n_sites; i++) {
		const struct mt_site *site = &snapshot->sites[i];

		sites[i].followed = site->n_frames > 0 && !(site->flags & MT_STACK_BACKING);
		sites[i].malloc = site->n_frames > 0 && site->kind == MT_SITE_MALLOC;
	}
	add_live(snapshot, sums);
	add_maps(snapshot, sums, sites);
	for (uint32_t i = 0; i < snapshot->n_sites; i++) {
		const struct mt_site *site = &snapshot->sites[i];

		sites[i].live_bytes = estimate_round(sums[i].bytes);
		sites[i].live_blocks = estimate_round(sums[i].blocks);
		sites[i].allocated_bytes = MAX(site->alloc_bytes, sites[i].live_bytes);
		sites[i].allocated_blocks =
			MAX(site->alloc_blocks / MT_BLOCKS_ONE, sites[i].live_blocks);
	}
	*ret = sites;
	return 0;
}
