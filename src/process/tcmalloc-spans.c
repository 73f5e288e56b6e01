/* SPDX-License-Identifier: MIT */
/*
 * tcmalloc-spans.c: gperftools' tcmalloc 2.10, read from outside. Its pages have 8 KiB, and each run of them of one use
 * is a span, found by a tree of two levels (pagetree.h) that is a part of the page heap:
 *
 *	page heap   ... │ root │ function │ sets of large free spans │ lists of free spans │ bytes: all, free, returned
 *	span        first page · pages · links · free blocks or link │ refs : 16 · size class : 8 · where : 2
 *
 * What a span of small blocks has not given out is the central cache's. Of the rest, some is in the slots of
 * the transfer caches and in the lists of threads (tcmalloc-tables.c).
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "base/scale.h"
#include "process/pagetree.h"
#include "process/runs.h"
#include "process/tcmalloc-sums.h"
#include "process/tcmalloc-tables.h"

enum {
	PAGE_SHIFT = 13,
	/* from the root */
	STATS = (8 << 17) + 8 + 2 * 48 + 128 * 96,
	TRIES = 5,
};

enum where { IN_USE, NORMAL, RETURNED };

struct reader {
	struct pagetree pages;
	struct runs runs;
	struct tcmalloc_sums sums;
	uint64_t free_resident; /* in spans that releasing gives back */
	struct tcmalloc_tables tables;
	/* of the span that was read last */
	uint64_t start, bytes;
	uint32_t refs, size_class;
	enum where where;
};

/* See pagetree.h. */
static int read_span(void *reader_, uint64_t entry, struct pagetree_range *ret)
{
	struct reader *reader = reader_;
	uint64_t words[6] = {};
	int r;

	if (!IS_ALIGNED(entry, 8))
		return -EBADMSG;
	r = pagecache_follow(&reader->pages.cache, entry, words, sizeof(words));
	if (r < 0)
		return r;
	reader->start = words[0] << PAGE_SHIFT;
	reader->bytes = words[1] << PAGE_SHIFT;
	reader->refs = words[5] & 0xffff;
	reader->size_class = words[5] >> 16 & 0xff;
	reader->where = (enum where)(words[5] >> 24 & 3);
	*ret = (struct pagetree_range){reader->start, reader->bytes};
	if (words[0] >> (48 - PAGE_SHIFT) || !words[0] || words[1] >> (48 - PAGE_SHIFT) ||
	    !words[1] || reader->where > RETURNED || reader->size_class >= TCMALLOC_CLASSES)
		return -EBADMSG;
	/* the sizes are known after the first search */
	return (uint64_t)reader->refs * reader->tables.sizes[reader->size_class] <= reader->bytes
		       ? 1
		       : -EBADMSG;
}

/* Bytes of blocks that are out of a span, and what the span adds to the sums. */
static uint64_t add_to_sums(struct reader *reader)
{
	const uint64_t bytes = reader->bytes;
	struct tcmalloc_sums *sums = &reader->sums;
	uint64_t used = 0;

	sums->heap += bytes;
	if (reader->where == NORMAL) {
		sums->free += bytes;
	} else if (reader->where == RETURNED) {
		sums->unmapped += bytes;
	} else if (reader->size_class) {
		used = (uint64_t)reader->refs * reader->tables.sizes[reader->size_class];
		sums->central += bytes - used;
	} else {
		used = bytes;
	}
	return used;
}

/* Which blocks of a span are resident is not asked: as many as can be. */
static int visit_span(void *reader_)
{
	struct reader *reader = reader_;
	const uint64_t end = reader->start + reader->bytes;
	struct arena_range *range = runs_add(&reader->runs, 0, reader->start, end);
	uint64_t resident, used = add_to_sums(reader);
	int r = range ? runs_resident(&reader->runs, reader->start, end, &resident) : -ENOMEM;

	if (r < 0)
		return r;
	used = MIN(used, resident);
	range->in_use_resident += used;
	range->free_resident += resident - used;
	if (reader->where == NORMAL)
		reader->free_resident += resident;
	return 0;
}

static const struct pagetree_form form = {TCMALLOC_LIBRARY, PAGE_SHIFT, MEMORY_PAGE_SIZE, read_span,
					  visit_span};

static int read_once(struct reader *reader)
{
	struct tcmalloc_sums *sums = &reader->sums;
	uint64_t said[3] = {};
	int r;

	*sums = (struct tcmalloc_sums){};
	reader->free_resident = 0;
	runs_forget(&reader->runs);
	r = pagetree_walk(&reader->pages);
	if (r == 0)
		r = pagecache_follow(&reader->pages.cache, reader->pages.root + STATS, said,
				     sizeof(said));
	r = r ?: tcmalloc_tables_sum(&reader->tables, sums);
	if (r < 0)
		return r;
	return runs_settled(sums->heap, said[0]) && runs_settled(sums->free, said[1]) &&
			       runs_settled(sums->unmapped, said[2])
		       ? 0
		       : -EAGAIN;
}

/* What caches have is spread over all blocks. Where metadata lies is not known. */
static int tell(const struct reader *reader, struct arenas *ret)
{
	const uint32_t index = (uint32_t)ret->n_arenas;
	const size_t first = ret->n_ranges;
	struct arena *arena = arenas_add(ret);
	int r;

	if (!arena)
		return -ENOMEM;
	*arena = tcmalloc_arena(&reader->sums);
	r = runs_hand_over(&reader->runs, 0, ret, index);
	for (size_t i = first; i < ret->n_ranges; i++) {
		struct arena_range *range = &ret->ranges[i];
		const uint64_t cached =
			scale(range->in_use_resident, arena->cached, arena->in_use + arena->cached);

		range->in_use_resident -= cached;
		range->free_resident += cached;
	}
	arenas_sum_ranges(ret, index);
	arena->metadata_resident = arena->metadata;
	arena->resident += arena->metadata;
	arena->trimmable = reader->free_resident;
	arenas_sort(ret);
	return r;
}

int tcmalloc_read(const struct space *space, struct arenas *ret)
{
	_cleanup_free_ struct reader *reader = calloc(1, sizeof(*reader));
	int r;

	if (!reader)
		return -ENOMEM;
	reader->runs.memory = space->memory;
	r = pagetree_init(&reader->pages, &form, reader, space);
	if (r >= 0)
		r = pagetree_find(&reader->pages);
	r = r ?: tcmalloc_tables_find(&reader->tables, space, &reader->pages.cache);
	if (r >= 0)
		r = read_once(reader);
	for (int i = 1; r == -EAGAIN && i < TRIES; i++)
		r = read_once(reader);
	if (r >= 0)
		r = tell(reader, ret);
	runs_deinit(&reader->runs);
	pagetree_deinit(&reader->pages);
	return r;
}
