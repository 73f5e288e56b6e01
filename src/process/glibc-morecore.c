/* SPDX-License-Identifier: MIT */
/*
 * glibc-morecore.c: where the main arena goes on when the break cannot be moved.
 *
 * Something is mapped above the break, or a tunable asks for huge pages: then glibc takes a mapping each time,
 * mostly of a megabyte or more, and marks the arena as one that is not contiguous. Nothing lists these
 * pieces. Each begins with a chunk at the beginning of a page, and ends with two fences of 16 bytes and the
 * page, or is the one that has the top:
 *
 *	chunk … chunk │ fence │ fence │		chunk … top │
 *
 * The kernel shows neighbours as one mapping: several of these pieces, blocks with mappings of their own, and
 * what is not malloc's. So each resident page at which a chunk could begin is tried, by following the chunks
 * from there to the end of a piece. That end is what makes a piece: other bytes do not lead to one. The arena
 * knows how many bytes it has, which ends the search.
 */
#include "process/glibc-morecore.h"

#include <errno.h>

#include "base/macro.h"

enum {
	MAX_PAGES = 1 << 18, /* that are tried */
	FLAGS = 7,
	PREV_INUSE = 1,
	IS_MMAPPED = 2,
	CHAIN = 6,  /* chunks that are looked at before all are */
	BEYOND = 1, /* what follows is no part of the piece */
};

struct finder {
	const struct glibc_morecore *known;
	struct glibc_regions *regions;
	uint64_t found; /* bytes */
	size_t pages_left;
};

/* Where the chunks from some place on lead to. */
struct piece {
	uint64_t end; /* of the last ones at which a piece can end; 0: of none */
};

static int follow(const struct glibc_chunk *chunk, void *piece_)
{
	struct piece *piece = piece_;
	const uint64_t end = chunk->address + chunk->size;

	if (chunk->kind == GLIBC_GAP)
		return BEYOND;
	if ((chunk->kind == GLIBC_FENCE || chunk->kind == GLIBC_TOP) &&
	    IS_ALIGNED(end, (uint64_t)MEMORY_PAGE_SIZE))
		piece->end = end;
	return 0;
}

/* Whether a piece begins at the region's start; then the region gets its end. Above 0 if so. */
static int ends_well(const struct finder *finder, const struct residency *map,
		     struct glibc_region *region)
{
	const struct glibc_morecore *known = finder->known;
	const struct glibc_caches none = {};
	const struct glibc_walk walk = {.memory = known->memory, .map = map, .caches = &none};
	struct piece piece = {};
	int r;

	if (known->top >= region->start && known->top < region->end) {
		region->top = known->top;
		region->end = MIN(region->end, known->top_end);
	}
	r = glibc_walk_region(&walk, region, follow, &piece);
	if (r < 0)
		return r;
	if (!piece.end)
		return 0;
	if (region->top >= piece.end)
		region->top = 0;
	region->end = region->reserved = piece.end;
	return 1;
}

static bool read_size(const struct finder *finder, uint64_t at, uint64_t limit, uint64_t *ret_word,
		      uint64_t *ret_size)
{
	if (limit - at < sizeof(*ret_word) * 2 ||
	    memory_read(finder->known->memory, at + 8, ret_word, sizeof(*ret_word)) < 0)
		return false;
	*ret_size = *ret_word & ~(uint64_t)FLAGS;
	return *ret_size && *ret_size <= limit - at;
}

/* Whether some chunks follow each other there. A block with a mapping of its own: *ret_skip is its size. */
static bool may_begin(const struct finder *finder, uint64_t at, uint64_t limit, uint64_t *ret_skip)
{
	uint64_t word, size;

	*ret_skip = 0;
	if (!read_size(finder, at, limit, &word, &size))
		return false;
	if ((word & FLAGS) == IS_MMAPPED && IS_ALIGNED(size, MEMORY_PAGE_SIZE))
		*ret_skip = size;
	if ((word & FLAGS) != PREV_INUSE)
		return false;
	for (int i = 0; i < CHAIN && size >= GLIBC_MIN_CHUNK && at != finder->known->top; i++) {
		at += size;
		if (!IS_ALIGNED(size, GLIBC_ALIGNMENT) || word & ~(uint64_t)PREV_INUSE & FLAGS ||
		    !read_size(finder, at, limit, &word, &size))
			return false;
	}
	return true;
}

/* A piece at that address: its size in *ret_size, 0 if there is none. */
static int try_page(struct finder *finder, const struct residency *map, uint64_t at, uint64_t limit,
		    uint64_t *ret_size)
{
	struct glibc_region region = {.start = at, .first = at, .end = limit, .main = true};
	int r;

	if (!may_begin(finder, at, limit, ret_size))
		return 0;
	r = ends_well(finder, map, &region);
	if (r <= 0)
		return r;
	*ret_size = region.end - at;
	finder->found += *ret_size;
	return glibc_regions_add(finder->regions, &region);
}

static bool is_done(const struct finder *finder)
{
	return finder->found >= finder->known->wanted || !finder->pages_left;
}

static int search_run(struct finder *finder, uint64_t start, uint64_t end)
{
	_cleanup_(residency_deinit) struct residency map = {};
	const uint64_t page = MEMORY_PAGE_SIZE, base = finder->known->base;
	uint64_t at = start;
	int r = residency_read(finder->known->memory, start, end, &map);

	while (r >= 0 && at < end && !is_done(finder)) {
		uint64_t size = 0;

		if (residency_run(&map, at, page) || residency_is_swapped(&map, at)) {
			finder->pages_left--;
			r = try_page(finder, &map, at, end, &size);
		}
		if (size)
			at += size;
		else
			at = base > at && base - at < page ? base : ALIGN_DOWN(at, page) + page;
	}
	return r < 0 && r != -EFAULT ? r : 0;
}

static bool may_have_pieces(const struct finder *finder, const struct mapping *mapping)
{
	const struct glibc_morecore *known = finder->known;

	return mapping->read && mapping->write && !mapping->shared &&
	       (!*mapping->path || *mapping->path == '[') &&
	       (mapping->end <= known->break_start || mapping->start >= known->break_end);
}

/*
 * The run of mappings side by side that begins with the nth: a piece of which a part was advised to have huge
 * pages is two. Returns the index behind it.
 */
static size_t find_run(const struct finder *finder, size_t nth, uint64_t *ret_start,
		       uint64_t *ret_end)
{
	const struct maps *maps = finder->known->maps;

	*ret_start = *ret_end = maps->mappings[nth].start;
	while (nth < maps->n_mappings && maps->mappings[nth].start == *ret_end &&
	       may_have_pieces(finder, &maps->mappings[nth]))
		*ret_end = maps->mappings[nth++].end;
	return nth;
}

/* All runs that have the top in them, or all others. */
static int search_maps(struct finder *finder, bool with_top)
{
	const uint64_t top = finder->known->top;
	uint64_t start, end;
	int r = 0;

	for (size_t i = 0, next; i < finder->known->maps->n_mappings; i = next) {
		next = find_run(finder, i, &start, &end);
		if (start < end && (top >= start && top < end) == with_top && !is_done(finder))
			r = search_run(finder, start, end);
		if (r < 0)
			break;
		next = MAX(next, i + 1);
	}
	return r;
}

int glibc_morecore_find(const struct glibc_morecore *morecore, struct glibc_regions *regions)
{
	struct finder finder = {.known = morecore, .regions = regions, .pages_left = MAX_PAGES};
	int r = search_maps(&finder, true);

	return r < 0 ? r : search_maps(&finder, false);
}
