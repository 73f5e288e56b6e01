/* SPDX-License-Identifier: MIT */
/*
 * heapinfo.c: see heapinfo.h.
 *
 * Context: called by the program for what these functions do, never from inside malloc. The text of
 * malloc_info goes to the program's own stream, which is why this file uses stdio.
 */
#include "agent/preload/heapinfo.h"

#include <errno.h>
#include <string.h>

#include "agent/core/sys.h"
#include "agent/preload/say.h"
#include "base/macro.h"
#include "heap/heap.h"

enum {
	MXFAST_MAX = 80 * sizeof(size_t) / 4,                /* M_MXFAST of glibc */
	MMAP_THRESHOLD_MAX = 4 * 1024 * 1024 * sizeof(long), /* M_MMAP_THRESHOLD of glibc */
};

struct mallinfo2 heapinfo_get(void)
{
	struct heap_stats stats;

	heap_get_stats(&stats);
	return (struct mallinfo2){
		.arena = stats.mapped_bytes - MIN(stats.mapped_bytes, stats.mmapped_bytes),
		.hblks = stats.n_mmapped,
		.hblkhd = stats.mmapped_bytes,
		.uordblks = stats.in_use_bytes,
		.fordblks = stats.free_bytes + stats.cached_bytes,
		.keepcost = stats.free_bytes,
	};
}

struct mallinfo heapinfo_narrow(const struct mallinfo2 *info)
{
	return (struct mallinfo){
		.arena = (int)info->arena,
		.hblks = (int)info->hblks,
		.hblkhd = (int)info->hblkhd,
		.uordblks = (int)info->uordblks,
		.fordblks = (int)info->fordblks,
		.keepcost = (int)info->keepcost,
	};
}

static const struct {
	const char *name;
	size_t offset;
} figures[] = {
	{"mapped", offsetof(struct heap_stats, mapped_bytes)},
	{"resident", offsetof(struct heap_stats, resident_bytes)},
	{"in_use", offsetof(struct heap_stats, in_use_bytes)},
	{"cached", offsetof(struct heap_stats, cached_bytes)},
	{"free", offsetof(struct heap_stats, free_bytes)},
	{"returned", offsetof(struct heap_stats, returned_bytes)},
	{"metadata", offsetof(struct heap_stats, metadata_bytes)},
	{"mmapped", offsetof(struct heap_stats, mmapped_bytes)},
};

static size_t figure(const struct heap_stats *stats, size_t i)
{
	size_t value;

	memcpy(&value, (const char *)stats + figures[i].offset, sizeof(value));
	return value;
}

void heapinfo_print_stats(void)
{
	struct heap_stats stats;
	size_t i;

	heap_get_stats(&stats);
	for (i = 0; i < ARRAY_SIZE(figures); i++) {
		struct say line = {0};

		say_text(&line, "heap ");
		say_text(&line, figures[i].name);
		say_text(&line, " bytes = ");
		say_number(&line, figure(&stats, i));
		say_end(&line);
	}
}

int heapinfo_print_xml(int options, FILE *stream)
{
	struct heap_stats stats;
	size_t i;

	if (options != 0)
		return EINVAL;
	heap_get_stats(&stats);
	(void)fputs("<malloc version=\"1\">\n", stream);
	for (i = 0; i < ARRAY_SIZE(figures); i++) {
		struct say line = {0};

		say_text(&line, "<system type=\"");
		say_text(&line, figures[i].name);
		say_text(&line, "\" size=\"");
		say_number(&line, figure(&stats, i));
		say_text(&line, "\"/>\n");
		line.text[line.length] = 0;
		(void)fputs(line.text, stream);
	}
	(void)fputs("</malloc>\n", stream);
	return 0;
}

int heapinfo_set_option(int option, int value)
{
	if (option == M_MXFAST)
		return value >= 0 && value <= MXFAST_MAX;
	if (option == M_MMAP_THRESHOLD)
		return value >= 0 && value <= MMAP_THRESHOLD_MAX;
	return 1;
}
