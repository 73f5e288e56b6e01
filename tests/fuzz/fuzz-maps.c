/* SPDX-License-Identifier: MIT */
/*
 * fuzz-maps.c: maps and smaps from a session file or a process that is not what it seems. Mappings are in
 * order and can be found by each of their addresses.
 */
#include "process/maps.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct maps maps;
	size_t i, length = 0;

	if (maps_parse((const char *)data, size, &maps) < 0)
		return 0;
	for (i = 0; i < maps.n_mappings; i++) {
		const struct mapping *mapping = &maps.mappings[i];

		length += strlen(mapping->path);
		if (maps_find(&maps, mapping->start) != mapping ||
		    maps_find(&maps, mapping->end - 1) != mapping)
			abort();
		if (i && mapping->start < maps.mappings[i - 1].end)
			abort();
	}
	if (length > size)
		abort();
	maps_deinit(&maps);
	return 0;
}
