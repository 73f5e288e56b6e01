/* SPDX-License-Identifier: MIT */
/*
 * runs.c: which pages are there is asked for 64 MiB at once, since a heap has many runs that are shorter.
 */
#include "process/runs.h"

#include <errno.h>
#include <stdlib.h>

#include "base/grow.h"
#include "base/macro.h"

static const uint64_t at_once = 64 << 20, settled_within = 256 << 10;

void runs_deinit(struct runs *runs)
{
	residency_deinit(&runs->map);
	free(runs->ranges);
	*runs = (struct runs){0};
}

void runs_forget(struct runs *runs)
{
	struct memory *memory = runs->memory;

	runs_deinit(runs);
	runs->memory = memory;
}

int runs_resident(struct runs *runs, uint64_t start, uint64_t end, uint64_t *ret)
{
	*ret = 0;
	while (start < end) {
		uint64_t until;

		if (start < runs->map.start || start >= runs->map.end) {
			int r;

			residency_deinit(&runs->map);
			r = residency_read(runs->memory, start, start + at_once, &runs->map);
			if (r < 0)
				return r;
		}
		until = MIN(end, runs->map.end);
		*ret += residency_bytes(&runs->map, start, until);
		start = until;
	}
	return 0;
}

struct arena_range *runs_add(struct runs *runs, uint32_t arena, uint64_t start, uint64_t end)
{
	struct arena_range *last;

	if (runs->n_ranges) {
		last = &runs->ranges[runs->n_ranges - 1];
		if (last->end == start && last->arena == arena) {
			last->end = end;
			return last;
		}
	}
	if (GROW(runs->ranges, runs->n_ranges) < 0)
		return NULL;
	last = &runs->ranges[runs->n_ranges++];
	*last = (struct arena_range){.start = start, .end = end, .arena = arena};
	return last;
}

bool runs_settled(uint64_t counted, uint64_t said)
{
	const uint64_t by = counted > said ? counted - said : said - counted;

	return by <= MAX(said / 256, settled_within);
}

int runs_hand_over(const struct runs *runs, uint32_t from, struct arenas *arenas, uint32_t arena)
{
	for (size_t i = 0; i < runs->n_ranges; i++) {
		struct arena_range *range;

		if (runs->ranges[i].arena != from)
			continue;
		range = arenas_add_range(arenas);
		if (!range)
			return -ENOMEM;
		*range = runs->ranges[i];
		range->arena = arena;
	}
	arenas_sum_ranges(arenas, arena);
	return 0;
}
