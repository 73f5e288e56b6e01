/* SPDX-License-Identifier: MIT */
/*
 * series-state.h: what a series consists of. Only series.c, which fills it, and series-finish.c, which reads
 * it, use this.
 */
#ifndef PROFILE_SERIES_STATE_H
#define PROFILE_SERIES_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "profile/series.h"

struct figures {
	uint64_t live_bytes, live_blocks, allocated_bytes, allocated_blocks;
};

struct row {
	struct profile_moment moment;
	uint64_t number; /* 1 for the first */
	struct figures *figures;
	uint32_t n_figures; /* slots that there were */
};

struct slot {
	uint32_t site;  /* of the region */
	uint64_t since; /* number of the first row that knows of it */
	bool whole;     /* it was followed since it came to be */
};

struct mark {
	char *name;
	double at;
	uint64_t row; /* number of the first row behind it, which stays */
};

struct series {
	struct row *rows;
	size_t n_rows;
	size_t n_in_tier[SERIES_TIERS];
	uint64_t n_added;
	uint64_t most_rss, most_live; /* numbers of rows, 0 if there is none */
	struct slot slots[SERIES_SITES];
	uint32_t n_slots;
	struct map slot_of; /* site: index in slots */
	uint32_t n_seen;    /* sites that there were at the sample before */
	struct mark marks[SERIES_MARKS];
	size_t n_marks;
};

#endif
