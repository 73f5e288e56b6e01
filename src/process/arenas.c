/* SPDX-License-Identifier: MIT */
/*
 * arenas.c: the table of arenas and of their ranges.
 */
#include "process/arenas.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/macro.h"

enum { LARGE_ARENA = 64 << 20, UNREAD_SHARE = 4096 };

void arenas_deinit(struct arenas *arenas)
{
	for (size_t i = 0; i < arenas->n_arenas; i++) {
		free(arenas->arenas[i].tids);
		free(arenas->arenas[i].pins);
	}
	free(arenas->arenas);
	free(arenas->ranges);
	free(arenas->refused);
	*arenas = (struct arenas){0};
}

struct arenas *arenas_free(struct arenas *arenas)
{
	if (arenas)
		arenas_deinit(arenas);
	free(arenas);
	return NULL;
}

struct arena *arenas_add(struct arenas *arenas)
{
	if (GROW(arenas->arenas, arenas->n_arenas) < 0)
		return NULL;
	arenas->arenas[arenas->n_arenas] = (struct arena){0};
	return &arenas->arenas[arenas->n_arenas++];
}

struct arena_range *arenas_add_range(struct arenas *arenas)
{
	if (GROW(arenas->ranges, arenas->n_ranges) < 0)
		return NULL;
	arenas->ranges[arenas->n_ranges] = (struct arena_range){0};
	return &arenas->ranges[arenas->n_ranges++];
}

void arenas_sum_ranges(struct arenas *arenas, uint32_t arena)
{
	struct arena *sum = &arenas->arenas[arena];

	sum->in_use_resident = sum->free_resident = sum->metadata_resident = 0;
	for (size_t i = 0; i < arenas->n_ranges; i++) {
		const struct arena_range *range = &arenas->ranges[i];

		if (range->arena != arena)
			continue;
		sum->in_use_resident += range->in_use_resident;
		sum->free_resident += range->free_resident;
		sum->metadata_resident += range->metadata_resident;
	}
	sum->resident = sum->in_use_resident + sum->free_resident + sum->metadata_resident;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct arena_range *one = a, *other = b;

	return one->start < other->start ? -1 : one->start > other->start;
}

void arenas_sort(struct arenas *arenas)
{
	if (arenas->n_ranges)
		qsort(arenas->ranges, arenas->n_ranges, sizeof(*arenas->ranges), compare_ranges);
}

bool arena_is_read(const struct arena *arena)
{
	if (!arena->unread || arena->unread == ARENAS_UNKNOWN)
		return true;
	return arena->system >= LARGE_ARENA && arena->unread <= arena->system / UNREAD_SHARE;
}

const char *arenas_allocator_name(enum arenas_allocator allocator)
{
	static const char *const names[] = {
		[ARENAS_GLIBC] = "glibc",       [ARENAS_FAST] = "fast",
		[ARENAS_JEMALLOC] = "jemalloc", [ARENAS_TCMALLOC] = "tcmalloc",
		[ARENAS_MIMALLOC] = "mimalloc",
	};

	return names[allocator];
}

const char *arenas_trim_name(enum arenas_allocator allocator)
{
	static const char *const names[] = {
		[ARENAS_GLIBC] = "malloc_trim(0)",
		[ARENAS_FAST] = "malloc_trim(0)",
		[ARENAS_JEMALLOC] = "mallctl(\"arena.4096.purge\")",
		[ARENAS_TCMALLOC] = "MallocExtension_ReleaseFreeMemory()",
		[ARENAS_MIMALLOC] = "mi_collect(true) in each thread",
	};

	return names[allocator];
}

const char *arenas_shared_name(enum arenas_allocator allocator)
{
	static const char *const names[] = {
		[ARENAS_GLIBC] = "heaps",
		[ARENAS_FAST] = "spans",
		[ARENAS_JEMALLOC] = "slabs",
		[ARENAS_TCMALLOC] = "spans",
		[ARENAS_MIMALLOC] = "pages of mimalloc",
	};

	return names[allocator];
}

const char *arena_kind_name(enum arena_kind kind)
{
	static const char *const names[] = {
		[ARENA_MAIN] = "main",
		[ARENA_THREAD] = "thread",
		[ARENA_MMAPPED] = "mmapped",
		[ARENA_FAST] = "fast",
	};

	return names[kind];
}
