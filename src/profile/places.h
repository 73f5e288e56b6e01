/* SPDX-License-Identifier: MIT */
/*
 * places.h: sites that read the same to people are one place: their stacks differ further out only, and
 * nobody wants to hear the same sentence of each.
 */
#ifndef PROFILE_PLACES_H
#define PROFILE_PLACES_H

#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "profile/profile.h"

enum { PLACES_HEAVIEST = 3 };

/* All zero: empty. */
struct places {
	uint64_t bytes; /* live, of all of them */
	size_t n;       /* that read differently */
	/*
	 * As many as there are; after places_finish. Figures, ages and growth are of all sites of the place,
	 * the rest is of the heaviest: id, stack, flags.
	 */
	const struct profile_site *heaviest[PLACES_HEAVIEST];
	/* what only places.c looks at */
	struct profile_site *sites;
	struct string_pool *names;
	struct map by_label;
};

/* Sites are added in the order of their weight. -ENOMEM. */
int places_add(struct places *places, const struct profile *profile,
	       const struct profile_site *site);
/* No more come: fills in heaviest. */
void places_finish(struct places *places);
void places_deinit(struct places *places);

#endif
