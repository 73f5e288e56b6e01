/* SPDX-License-Identifier: MIT */
/*
 * space-region.c: see the header. The region is shared memory without a name, so kernel and gdb dump it
 * like anonymous memory, and it is read where it was mapped.
 */
#include "cli/space-region.h"

#include <errno.h>
#include <string.h>

/* Where the region was mapped; parts of it may have been mapped with other flags. */
static int find_region(const struct maps *maps, uint64_t *ret_start, uint64_t *ret_size)
{
	uint64_t start = 0, end = 0;

	for (size_t i = 0; i < maps->n_mappings; i++) {
		const struct mapping *mapping = &maps->mappings[i];

		if (strcmp(mapping->path, "/memfd:" MT_REGION_NAME) != 0)
			continue;
		if (!end && !mapping->offset) {
			start = mapping->start;
			end = mapping->end;
		} else if (end == mapping->start && mapping->offset == end - start) {
			end = mapping->end;
		}
	}
	*ret_start = start;
	*ret_size = end - start;
	return end ? 0 : -ENODATA;
}

static int read_space(void *userdata, uint64_t address, void *buffer, size_t size)
{
	return memory_read(userdata, address, buffer, size);
}

int space_region_open(const struct space *space, struct region **ret)
{
	uint64_t start, size;
	int r = find_region(space->maps, &start, &size);

	return r < 0 ? r : region_open_reader(read_space, space->memory, start, size, ret);
}

uint64_t space_region_heap_root(const struct space *space)
{
	struct region *region;
	uint64_t root;

	if (space_region_open(space, &region) < 0)
		return 0;
	root = region_heap_root(region);
	region_free(region);
	return root;
}
