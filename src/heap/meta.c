/* SPDX-License-Identifier: MIT */
/*
 * meta.c: a bump allocator with a list of free pieces for each size, in units of a cache line, so that
 * no two threads' caches share one. Sizes come from two callers and repeat, so nothing is split or
 * merged.
 */
#include "heap/meta.h"

#include <string.h>

#include "heap/area.h"
#include "heap/lock.h"

#define HANDLE_UNIT 16u

static struct {
	struct lock lock;
	size_t used; /* bytes; the first unit is left out so that no handle is 0 */
	void *free[META_MAX / META_UNIT + 1];
} meta = {.used = META_UNIT};

static unsigned list_of(size_t size)
{
	return (unsigned)((size + META_UNIT - 1) / META_UNIT);
}

void *meta_alloc(size_t size)
{
	const unsigned list = list_of(size);
	void *piece;

	if (!area_init())
		return NULL;
	lock_take(&meta.lock);
	piece = meta.free[list];
	if (piece) {
		meta.free[list] = *(void **)piece;
	} else if (area_grow(AREA_META, meta.used + (size_t)list * META_UNIT)) {
		piece = (char *)area_start(AREA_META) + meta.used;
		meta.used += (size_t)list * META_UNIT;
		lock_drop(&meta.lock);
		return piece;
	}
	lock_drop(&meta.lock);
	return piece ? memset(piece, 0, size) : NULL;
}

void meta_free(void *piece, size_t size)
{
	const unsigned list = list_of(size);

	lock_take(&meta.lock);
	*(void **)piece = meta.free[list];
	meta.free[list] = piece;
	lock_drop(&meta.lock);
}

uint32_t meta_handle(const void *piece)
{
	return (uint32_t)((size_t)((const char *)piece - (char *)area_start(AREA_META)) /
			  HANDLE_UNIT);
}

size_t meta_used(void)
{
	size_t used;

	lock_take(&meta.lock);
	used = meta.used;
	lock_drop(&meta.lock);
	return used;
}

void meta_reset(void)
{
	memset(meta.free, 0, sizeof(meta.free));
}

struct lock *meta_lock(void)
{
	return &meta.lock;
}
