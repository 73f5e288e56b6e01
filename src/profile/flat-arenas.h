/* SPDX-License-Identifier: MIT */
/*
 * flat-arenas.h: arenas without arrays inside of arrays, as they stand in a payload.
 */
#ifndef PROFILE_FLAT_ARENAS_H
#define PROFILE_FLAT_ARENAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/arenas.h"

struct flat_arenas_head {
	uint64_t mmap_threshold, trim_threshold, n_mmaps;
	bool fixed_thresholds;
	char *refused; /* "" or NULL: nothing was refused */
};

struct flat_arenas {
	struct flat_arenas_head *heads; /* one, or none if there are no arenas */
	size_t n_heads;
	struct arena *arenas; /* their arrays are not theirs */
	size_t n_arenas;
	struct arena_range *ranges;
	size_t n_ranges;
	struct arena_pin *pins; /* those of the first arena, then those of the next… */
	size_t n_pins;
	uint32_t *tids; /* the same */
	size_t n_tids;
	struct arena_sizes_count *sizes; /* in_use, then holes */
	size_t n_sizes;
};

/* Everything in it is a copy but the texts. -ENOMEM. */
int flat_arenas_make(const struct arenas *arenas, struct flat_arenas *ret);
/* owned: the texts, too, as in what was read from a file. */
void flat_arenas_deinit(struct flat_arenas *flat, bool owned);

/* *ret is NULL if there are no arenas. -EBADMSG: the parts do not go together. -ENOMEM. */
int flat_arenas_restore(const struct flat_arenas *flat, struct arenas **ret);

#endif
