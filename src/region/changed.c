/* SPDX-License-Identifier: MIT */
/*
 * changed.c: the entries of a region that changed since they were looked at before. A sum is kept of every
 * sixteen entries, and only if that is another one, they are told. So a table of a million blocks, of which some
 * come and go, is read at the speed of memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "region/opened.h"
#include "region/table.h"

void region_seen_deinit(struct region_seen *seen)
{
	free(seen->live);
	free(seen->maps);
	*seen = (struct region_seen){};
}

struct visit {
	const struct region_visitor *visitor;
	void *context;
};

/* Whether an entry, just copied, says that something is at start. */
static bool is_there(uint64_t index, uint64_t start, uint64_t size, bool stable)
{
	return index && start && stable && start + size >= start;
}

static int pass_live(void *context, uint64_t index, const void *bytes, bool stable)
{
	const struct visit *visit = context;
	struct mt_live live;

	memcpy(&live, bytes, sizeof(live));
	visit->visitor->live(visit->context, (uint32_t)index,
			     is_there(index, live.addr, live.size, stable) ? &live : NULL);
	return 0;
}

static int pass_map(void *context, uint64_t index, const void *bytes, bool stable)
{
	const struct visit *visit = context;
	struct mt_map map;

	memcpy(&map, bytes, sizeof(map));
	visit->visitor->map(visit->context, (uint32_t)index,
			    is_there(index, map.start, map.size, stable) ? &map : NULL);
	return 0;
}

/* Room for the sums of n entries. */
static int make_room(uint64_t **sums, size_t *n_sums, uint64_t n)
{
	const size_t wanted = table_sums_of(n);
	uint64_t *grown;

	if (wanted <= *n_sums)
		return 0;
	grown = reallocarray(*sums, wanted, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	memset(grown + *n_sums, 0, (wanted - *n_sums) * sizeof(*grown));
	*sums = grown;
	*n_sums = wanted;
	return 0;
}

int region_visit_changed(struct region *region, struct region_seen *seen,
			 const struct region_visitor *visitor, void *context)
{
	struct visit visit = {visitor, context};
	struct mt_header header;
	int r;

	r = region_read_counters(region, &header);
	if (r < 0)
		return r;
	header.n_live = (uint32_t)table_used(region->source, &header.live, (uint64_t)header.n_live);
	header.n_maps = (uint32_t)table_used(region->source, &header.maps, (uint64_t)header.n_maps);
	r = make_room(&seen->live, &seen->n_live, header.n_live);
	if (r >= 0)
		r = make_room(&seen->maps, &seen->n_maps, header.n_maps);
	if (r >= 0)
		r = visitor->begin(context, &header);
	if (r >= 0)
		r = table_visit_changed(region->source, &header.live, header.n_live, seen->live,
					pass_live, &visit);
	if (r >= 0)
		r = table_visit_changed(region->source, &header.maps, header.n_maps, seen->maps,
					pass_map, &visit);
	return r;
}
