/* SPDX-License-Identifier: MIT */
/*
 * maps-write.c: mappings as the text of maps or smaps, for a session file of a process that never had
 * such a file: one of which a core is left.
 */
#include <inttypes.h>

#include "base/strbuf.h"
#include "process/maps.h"

static void add_path(struct strbuf *text, const char *path)
{
	for (; *path; path++) {
		if (*path == '\n')
			strbuf_adds(text, "\\012");
		else
			strbuf_addc(text, *path);
	}
}

static void add_usage(struct strbuf *text, const struct mapping *mapping)
{
	const struct {
		const char *name;
		uint64_t bytes;
	} fields[] = {
		{"Size", mapping->end - mapping->start},
		{"KernelPageSize", mapping->kernel_page_size},
		{"Rss", mapping->rss},
		{"Pss", mapping->pss},
		{"Shared_Clean", mapping->shared_clean},
		{"Shared_Dirty", mapping->shared_dirty},
		{"Private_Clean", mapping->private_clean},
		{"Private_Dirty", mapping->private_dirty},
		{"Anonymous", mapping->anonymous},
		{"AnonHugePages", mapping->anon_huge},
		{"Swap", mapping->swap},
		{"SwapPss", mapping->swap_pss},
		{"Locked", mapping->locked},
	};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		strbuf_addf(text, "%s: %" PRIu64 " kB\n", fields[i].name, fields[i].bytes / 1024);
}

int maps_format(const struct maps *maps, char **ret)
{
	struct strbuf text = {};

	for (size_t i = 0; i < maps->n_mappings; i++) {
		const struct mapping *mapping = &maps->mappings[i];

		strbuf_addf(&text,
			    "%08" PRIx64 "-%08" PRIx64 " %c%c%c%c %08" PRIx64 " %02x:%02x %" PRIu64
			    " ",
			    mapping->start, mapping->end, mapping->read ? 'r' : '-',
			    mapping->write ? 'w' : '-', mapping->exec ? 'x' : '-',
			    mapping->shared ? 's' : 'p', mapping->offset, mapping->dev_major,
			    mapping->dev_minor, mapping->inode);
		add_path(&text, mapping->path);
		strbuf_adds(&text, mapping->deleted ? " (deleted)\n" : "\n");
		if (mapping->has_usage)
			add_usage(&text, mapping);
	}
	return strbuf_steal(&text, ret);
}
