/* SPDX-License-Identifier: MIT */
/*
 * recorded.c: the short ways of recorded.h with the hooks between their halves.
 *
 * Context: any thread, inside malloc and free. While a hook runs the cache is not busy and no lock is held.
 */
#include "heap/recorded.h"

#include "heap/hooks.h"

void *recorded_alloc(size_t size)
{
	const struct heap_hooks *hooks = hooks_get();
	struct recorded recorded;
	int64_t next = INT64_MAX;
	uint32_t tag;
	void *block;

	if (!hooks || !hooks->allocated)
		return NULL;
	block = recorded_take(size, &recorded);
	if (!block)
		return NULL;
	tag = hooks->allocated(block, size, &next);
	recorded_keep(&recorded, tag, next);
	return block;
}

bool recorded_free(void *block)
{
	const struct heap_hooks *hooks = hooks_get();
	struct recorded recorded;

	if (!hooks || !hooks->freed || !recorded_release(block, &recorded))
		return false;
	hooks->freed(block, recorded.old);
	recorded_give(&recorded, block);
	return true;
}
