/* SPDX-License-Identifier: MIT */
/*
 * Blocks in order of their addresses; a page counts for the first block that reaches it. A sample of
 * blocks would not do: how many blocks share a page is what is asked for, and a sample has lost it.
 */
#include "profile/live-pages.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/macro.h"

static const uint64_t PAGE = 4096;

struct extent {
	uint64_t first, last; /* pages */
};

static int compare_extents(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

static size_t collect(const struct profile *profile, struct extent *extents)
{
	size_t n = 0;

	for (size_t i = 0; i < profile->n_blocks; i++) {
		const struct profile_block *block = &profile->blocks[i];
		uint64_t last = block->address + MAX(block->size, (uint64_t)1) - 1;

		if (block->site == PROFILE_NO_SITE ||
		    profile->sites[block->site].kind != MT_SITE_MALLOC || last < block->address)
			continue;
		extents[n++] = (struct extent){block->address / PAGE, last / PAGE};
	}
	return n;
}

int live_pages_count(const struct profile *profile, uint64_t *ret)
{
	_cleanup_free_ struct extent *extents = NULL;
	uint64_t pages = 0, next = 0;
	size_t n;

	if (!profile_has_agent(profile) || !profile->agent.exact) {
		*ret = PROFILE_UNKNOWN;
		return 0;
	}
	extents = calloc(profile->n_blocks + 1, sizeof(*extents));
	if (!extents)
		return -ENOMEM;
	n = collect(profile, extents);
	qsort(extents, n, sizeof(*extents), compare_extents);
	for (size_t i = 0; i < n; i++) {
		uint64_t first = MAX(extents[i].first, next);

		if (extents[i].last < first)
			continue;
		pages += extents[i].last - first + 1;
		next = extents[i].last + 1;
	}
	*ret = pages * PAGE;
	return 0;
}
