/* SPDX-License-Identifier: MIT */
/*
 * runtime-jvm.c: what HotSpot says of its own fields (hotspot.h) leads to
 *
 *	Universe::_collectedHeap           the heap's object, and in it CollectedHeap::_reserved
 *	CodeCache::_low_bound, _high_bound
 *	CompressedKlassPointers::_narrow_klass._base
 *
 * From the base of compressed class pointers on lie the archive of classes and the class space, which is
 * 1 GiB unless the user says otherwise: its anonymous mappings follow one another without a gap.
 */
#include "process/runtime-jvm.h"

#include <errno.h>

#include "base/macro.h"
#include "process/hotspot.h"

static const uint64_t class_space_max = (1ull << 30) + (64ull << 20);

static int add(struct areas *areas, uint64_t start, uint64_t end, enum area_kind kind)
{
	struct area *area;

	if (start >= end || start % MEMORY_PAGE_SIZE || end - start > 1ull << 46)
		return 0;
	area = areas_add(areas);
	if (!area)
		return -ENOMEM;
	area->start = start;
	area->end = ALIGN_UP(end, (uint64_t)MEMORY_PAGE_SIZE);
	area->kind = kind;
	return 0;
}

static int add_heap(const struct hotspot *hotspot, struct areas *areas)
{
	const uint64_t at = hotspot_offset(hotspot, "CollectedHeap", "_reserved");
	uint64_t heap, reserved[2]; /* address, words */

	if (at == HOTSPOT_NONE ||
	    !hotspot_pointer(hotspot, hotspot_static(hotspot, "Universe", "_collectedHeap"),
			     &heap) ||
	    !hotspot_read(hotspot, heap + at, reserved, sizeof(reserved)))
		return 0;
	return add(areas, reserved[0], reserved[0] + reserved[1] * 8, AREA_JVM_HEAP);
}

static int add_classes(const struct space *space, uint64_t base, struct areas *areas)
{
	uint64_t end = base;

	for (size_t i = 0; i < space->maps->n_mappings; i++) {
		const struct mapping *mapping = &space->maps->mappings[i];

		if (mapping->end <= base)
			continue;
		if (mapping->start > end || mapping->exec || mapping->end - base > class_space_max)
			break;
		end = mapping->end;
	}
	return add(areas, base, end, AREA_JVM_CLASSES);
}

/* The pointer in a static field. */
static bool read_static(const struct hotspot *hotspot, const char *type, const char *field,
			uint64_t *ret)
{
	return hotspot_pointer(hotspot, hotspot_static(hotspot, type, field), ret);
}

static int add_ranges(const struct space *space, const struct hotspot *hotspot, struct areas *areas)
{
	uint64_t low, high, base;
	int r = add_heap(hotspot, areas);

	if (r >= 0 && read_static(hotspot, "CodeCache", "_low_bound", &low) &&
	    read_static(hotspot, "CodeCache", "_high_bound", &high))
		r = add(areas, low, high, AREA_JVM_CODE);
	/* JDK 22 calls it otherwise */
	if (r >= 0 &&
	    (read_static(hotspot, "CompressedKlassPointers", "_narrow_klass._base", &base) ||
	     read_static(hotspot, "CompressedKlassPointers", "_base", &base)))
		r = add_classes(space, base, areas);
	return r;
}

int runtime_jvm_find(const struct space *space, struct areas *areas)
{
	_cleanup_(hotspot_freep) struct hotspot *hotspot = NULL;
	int r = hotspot_open(space, &hotspot);

	if (r == -ENOMEM)
		return r;
	return r < 0 ? 0 : add_ranges(space, hotspot, areas);
}
