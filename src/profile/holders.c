/* SPDX-License-Identifier: MIT */
/*
 * holders.c: the distinct pairs of site and thread that blocks have, in order, so that those of a site stand side by
 * side.
 */
#include "profile/holders.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/grow.h"

static int compare_u64(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

int holders_find(struct profile *profile)
{
	_cleanup_free_ uint64_t *pairs = calloc(profile->n_blocks + 1, sizeof(*pairs));
	size_t n = 0;

	if (!pairs)
		return -ENOMEM;
	for (size_t i = 0; i < profile->n_blocks; i++) {
		const struct profile_block *block = &profile->blocks[i];

		if (block->site != PROFILE_NO_SITE && block->thread != 0)
			pairs[n++] = (uint64_t)block->site << 32 | block->thread;
	}
	qsort(pairs, n, sizeof(*pairs), compare_u64);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && pairs[i] == pairs[i - 1])
			continue;
		struct profile_site *site = &profile->sites[pairs[i] >> 32];

		if (GROW(profile->thread_refs, profile->n_thread_refs) < 0)
			return -ENOMEM;
		if (site->n_threads++ == 0)
			site->first_thread = (uint32_t)profile->n_thread_refs;
		profile->thread_refs[profile->n_thread_refs++] = (uint32_t)pairs[i];
	}
	return 0;
}
