/* SPDX-License-Identifier: MIT */
/*
 * partial.c: spans of a class that have free blocks, in four lists by how many, so that blocks come from the
 * fullest and the emptiest are left to become free as a whole.
 */
#include "heap/partial.h"

#include "heap/span.h"

#define OWN_LOOKS 16u

static unsigned list_of(const struct span *span, unsigned n_blocks)
{
	const unsigned n_free = span->n_free;

	if (n_free * 2 <= n_blocks)
		return n_free * 4 <= n_blocks ? 0 : 1;
	return n_free * 4 <= n_blocks * 3 ? 2 : 3;
}

void partial_settle(struct central *central, struct span *span, unsigned n_blocks)
{
	const unsigned list = span->n_free ? 1 + list_of(span, n_blocks) : 0;

	if (list == span->list)
		return;
	if (span->list)
		span_unlink(&central->partial[span->list - 1], span);
	span->list = (uint8_t)list;
	if (list)
		span_push(&central->partial[list - 1], span);
}

struct span *partial_own(const struct central *central, uint32_t owner)
{
	unsigned n_looks = OWN_LOOKS;

	for (unsigned i = 0; i < CENTRAL_LISTS; i++)
		for (uint32_t k = central->partial[i]; k && n_looks; n_looks--) {
			struct span *span = span_at(k);

			if (span->owner == owner)
				return span;
			k = span->next;
		}
	for (unsigned i = CENTRAL_LISTS; i > 0 && central->n_free > central->n_blocks / 2; i--)
		if (central->partial[i - 1])
			return span_at(central->partial[i - 1]);
	return NULL;
}

struct span *partial_fullest(const struct central *central)
{
	for (unsigned i = 0; i < CENTRAL_LISTS; i++)
		if (central->partial[i])
			return span_at(central->partial[i]);
	return NULL;
}
