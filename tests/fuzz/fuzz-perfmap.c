/* SPDX-License-Identifier: MIT */
/*
 * fuzz-perfmap.c: perf maps, which anybody can write to /tmp. Of the entries that cover an address the
 * last one is found, and its name is within the text.
 */
#include "symbolize/perfmap.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct perfmap *perfmap;
	size_t length = 0;

	if (perfmap_new((const char *)data, size, &perfmap) < 0)
		return 0;
	for (size_t i = 0; i < perfmap->n_entries; i++) {
		const struct perfmap_entry *entry = &perfmap->entries[i], *found;

		length += strlen(entry->name);
		found = perfmap_find(perfmap, entry->start);
		if (!found || found < entry || found->start > entry->start)
			abort();
	}
	if (length > size)
		abort();
	perfmap_free(perfmap);
	return 0;
}
