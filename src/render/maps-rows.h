/* SPDX-License-Identifier: MIT */
/*
 * maps-rows.h: what `memtrace maps` has a line for.
 */
#ifndef RENDER_MAPS_ROWS_H
#define RENDER_MAPS_ROWS_H

#include "profile/ledger.h"
#include "render/maps.h"

struct maps_row {
	const struct ledger_mapping *mapping; /* NULL where several are put together */
	char *name;                           /* what it is, in words; owned */
	const char *owner;                    /* as the JSON has it; NULL for a path */
	size_t n_mappings;
	struct ledger_line sum;
};

struct maps_rows {
	struct maps_row *rows;
	size_t n_rows;
	struct maps_row rest; /* what top and min_bytes left out; n_mappings 0 if nothing */
};

/* What options ask for, in their order. 0 or -ENOMEM. */
int maps_rows_make(const struct ledger *ledger, const struct maps_options *options,
		   struct maps_rows *ret);
void maps_rows_deinit(struct maps_rows *rows);

#endif
