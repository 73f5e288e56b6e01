/* SPDX-License-Identifier: MIT */
/*
 * A place is known by its label. Bytes and blocks of its sites add up. So does their growth, and its bounds are as
 * wide as those of a sum of independent figures; sites of which no growth is known add nothing to it.
 */
#include "profile/places.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/grow.h"
#include "base/macro.h"
#include "base/strbuf.h"
#include "profile/label.h"

static void add_growth(struct profile_site *place, const struct profile_site *site)
{
	if (isnan(site->growth))
		return;
	if (isnan(place->growth)) {
		place->growth = site->growth;
		place->growth_low = site->growth_low;
		place->growth_high = site->growth_high;
		return;
	}
	const double below =
		hypot(place->growth - place->growth_low, site->growth - site->growth_low);
	const double above =
		hypot(place->growth_high - place->growth, site->growth_high - site->growth);

	place->growth += site->growth;
	place->growth_low = place->growth - below;
	place->growth_high = place->growth + above;
}

static void add_ages(struct profile_site *place, const struct profile_site *site)
{
	if (site->oldest_age_s < 0)
		return;
	place->youngest_age_s = place->oldest_age_s < 0
					? site->youngest_age_s
					: MIN(place->youngest_age_s, site->youngest_age_s);
	place->oldest_age_s = MAX(place->oldest_age_s, site->oldest_age_s);
}

static void merge(struct profile_site *place, const struct profile_site *site)
{
	place->live_bytes += site->live_bytes;
	place->live_blocks += site->live_blocks;
	place->allocated_bytes += site->allocated_bytes;
	place->allocated_blocks += site->allocated_blocks;
	place->freed_bytes += site->freed_bytes;
	place->freed_blocks += site->freed_blocks;
	place->live_stderr = hypot(place->live_stderr, site->live_stderr);
	place->n_samples += site->n_samples;
	add_ages(place, site);
	add_growth(place, site);
}

int places_add(struct places *places, const struct profile *profile,
	       const struct profile_site *site)
{
	_cleanup_(strbuf_deinit) struct strbuf label = {};
	uint64_t *index;
	int r = label_site(profile, site, &label);

	if (!places->names)
		places->names = string_pool_new();
	if (r < 0 || !places->names)
		return -ENOMEM;
	const char *name = string_pool_add(places->names, strbuf_text(&label));
	if (!name)
		return -ENOMEM;
	r = map_add(&places->by_label, (uintptr_t)name << 2 | site->kind, places->n, &index);
	if (r < 0)
		return r;
	if (r == 0) {
		merge(&places->sites[*index], site);
	} else {
		if (GROW(places->sites, places->n) < 0)
			return -ENOMEM;
		places->sites[places->n++] = *site;
	}
	places->bytes += site->live_bytes;
	return 0;
}

/* Selected rather than sorted: it is three of them that are spoken of. */
void places_finish(struct places *places)
{
	for (size_t k = 0; k < MIN(places->n, (size_t)PLACES_HEAVIEST); k++) {
		size_t most = k;

		for (size_t i = k + 1; i < places->n; i++)
			if (places->sites[i].live_bytes > places->sites[most].live_bytes)
				most = i;
		const struct profile_site heaviest = places->sites[most];

		places->sites[most] = places->sites[k];
		places->sites[k] = heaviest;
		places->heaviest[k] = &places->sites[k];
	}
}

void places_deinit(struct places *places)
{
	free(places->sites);
	places->names = string_pool_free(places->names);
	map_deinit(&places->by_label);
}
