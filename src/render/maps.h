/* SPDX-License-Identifier: MIT */
/*
 * maps.h: the mappings of a process, drawn: one row each, or put together by owner or by path. Each
 * figure adds up to what smaps says, to the byte, in all three.
 */
#ifndef RENDER_MAPS_H
#define RENDER_MAPS_H

#include "render/render.h"

enum maps_by { MAPS_BY_MAPPING, MAPS_BY_OWNER, MAPS_BY_PATH };
enum maps_sort {
	MAPS_SORT_ADDRESS,
	MAPS_SORT_RSS,
	MAPS_SORT_PSS,
	MAPS_SORT_DIRTY,
	MAPS_SORT_SWAP,
	MAPS_SORT_SIZE,
	MAPS_SORT_NAME,
};

struct maps_options {
	enum maps_by by;
	enum maps_sort sort;
	unsigned top;       /* rows, 0 = all; the others are summed up in one */
	uint64_t min_bytes; /* rows with fewer resident bytes are summed up, too */
	const struct render_options *render;
};

/* -ENODATA: the profile has no mappings. The rest as in render.h. */
int render_maps_text(const struct profile *profile, const struct maps_options *options, FILE *out);
int render_maps_csv(const struct profile *profile, const struct maps_options *options, FILE *out);
/* Process, memory and mappings of schema memtrace/1; options do not matter. */
int render_maps_json(const struct profile *profile, const struct maps_options *options, FILE *out);

#endif
