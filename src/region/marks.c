/* SPDX-License-Identifier: MIT */
/*
 * marks.c: marks among the events. A ring is overwritten within a second by a program that allocates much, so
 * whoever follows a process asks for its marks at each look.
 */
#include "region/marks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/macro.h"
#include "region/opened.h"
#include "region/ring.h"
#include "region/table.h"

struct search {
	struct region *region;
	const struct mt_header *header;
	uint64_t sequence; /* of the next event */
	struct region_mark *marks;
	size_t n_marks;
};

/* A name that is not there is the empty one. */
static void read_name(struct search *search, uint64_t offset, char *name, size_t size)
{
	const struct mt_table *strings = &search->header->strings;
	const uint64_t n = table_used(search->region->source, strings, search->header->n_strings);

	memset(name, 0, size);
	if (offset < n && source_copy(search->region->source, strings->offset + offset, name,
				      MIN(n - offset, (uint64_t)size - 1)) < 0)
		name[0] = '\0';
}

static int visit(void *context, uint64_t index, const void *bytes, bool stable)
{
	struct search *search = context;
	struct mt_event slot, event;
	struct region_mark *mark;

	memcpy(&slot, bytes, sizeof(slot));
	/* a ring of one entry stands for the slot: the sequence is all that ring_get asks */
	if (!ring_get(&slot, 1, search->sequence++, &event) || !stable ||
	    event.type != MT_EVENT_MARK)
		return 0;
	if (GROW(search->marks, search->n_marks) < 0)
		return -ENOMEM;
	mark = &search->marks[search->n_marks++];
	mark->time_ns = event.time_ns;
	read_name(search, event.aux, mark->name, sizeof(mark->name));
	return 0;
}

static int look_through(struct search *search, uint64_t end)
{
	const struct mt_table *ring = &search->header->ring;
	int r = 0;

	while (r >= 0 && search->sequence < end) {
		const uint64_t slot = search->sequence % ring->capacity;
		const uint64_t n = MIN(end - search->sequence, ring->capacity - slot);

		r = table_visit_range(search->region->source, ring, slot, slot + n, visit, search);
	}
	return r;
}

int region_marks(struct region *region, uint64_t *since, struct mt_header *ret_header,
		 struct region_mark **ret, size_t *ret_n)
{
	struct search search = {.region = region, .header = ret_header, .sequence = *since};
	int r = region_read_counters(region, ret_header);
	const uint64_t end = r < 0 ? 0 : ret_header->n_events;
	const struct mt_table *ring = &ret_header->ring;

	*ret = NULL;
	*ret_n = 0;
	if (r < 0 || *since >= end || ring->capacity == 0)
		return MIN(r, 0);
	if (end - *since > ring->capacity)
		search.sequence = end - ring->capacity;
	/* a ring that has been used is there as far as it has */
	if (table_used(region->source, ring, MIN(end, ring->capacity)) == MIN(end, ring->capacity))
		r = look_through(&search, end);
	if (r < 0) {
		free(search.marks);
		return r;
	}
	*since = end;
	*ret = search.marks;
	*ret_n = search.n_marks;
	return 0;
}
