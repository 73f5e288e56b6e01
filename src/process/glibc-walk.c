/* SPDX-License-Identifier: MIT */
/*
 * glibc-walk.c: from chunk to chunk by their sizes.
 *
 *	chunk                         next chunk
 *	│ prev_size │ size │ flags │ block …  │ prev_size │ size │ flags │ …
 *
 * Whether a chunk is in use is told by the flag PREV_INUSE of the next one, and if it is not, the next
 * one's prev_size repeats its size. So what is known of a chunk is passed on one step later.
 *
 * Memory is read in windows, of up to 128 KiB while chunks are small, so that the copy stays in the
 * processor's cache, of a page when they are large: their insides need not be read. Only resident pages
 * are; a page that is not resident has no header in it, since glibc returns only pages that are wholly
 * inside a free chunk. A window is looked through first, and passed on only if all of it fits together.
 * If it does not, because the program changed it meanwhile, it is read again, from the last chunk of the
 * window before on, and at last with the process stopped for the time of that one window. What stays
 * inconsistent is stepped over, up to where a chain of chunks begins again, and reported as not read.
 */
#include "process/glibc-walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "base/progress.h"
#include "process/pause.h"

enum {
	MIN_WINDOW = 4096,
	MAX_WINDOW = 128 << 10,
	PAUSE_WINDOW = 64 << 10,     /* read and looked through with the process stopped */
	PAUSE_MAX_NS = 10 * 1000000, /* if stopping alone took longer, it is let go at once */
	SPARSE = 16384,              /* bytes a chunk, from which windows become smaller */
	TRIES = 3,
	CHAIN = 8, /* chunks that have to fit together where a chain begins again */
	FENCE_SIZE = 16,
	FENCES_MAX = 2 * GLIBC_MIN_CHUNK, /* bytes, with what aligning left over */

	PREV_INUSE = 1,
	IS_MMAPPED = 2,
	NON_MAIN = 4,

	INCONSISTENT = 1, /* of the functions here: above 0 */
	FINISHED = 2,
	STOPPED = 3, /* by visit */
};

/* Where a walk stands: chunks below pending were passed on, the chunk at pending ends at next. */
struct place {
	uint64_t pending, next; /* pending is 0 if there is none */
	bool fenced;            /* the pending one is a fence */
	bool resumed; /* what lies in front of next was passed on, whatever it is by now */
};

struct walker {
	const struct glibc_walk *walk;
	const struct glibc_region *region;
	glibc_visit visit;
	void *userdata;
	struct place place;
	size_t next_cached; /* in caches: first that was not passed */
	int stopped;        /* what visit returned */
	uint8_t *window;
	uint64_t window_start, window_end;
	size_t window_size;
};

static int pass_on(struct walker *walker, uint64_t start, uint64_t end, enum glibc_chunk_kind kind)
{
	struct glibc_chunk chunk = {start, end - start, kind};

	if (end > start)
		walker->stopped = walker->visit(&chunk, walker->userdata);
	return walker->stopped ? STOPPED : 0;
}

/* In use as far as its successor tells. */
static enum glibc_chunk_kind kind_of_used(struct walker *walker, uint64_t address)
{
	static const enum glibc_chunk_kind kinds[] = {
		[GLIBC_CACHED_FAST] = GLIBC_FREE_FAST,
		[GLIBC_CACHED_THREAD] = GLIBC_FREE_CACHED,
		[GLIBC_CACHED_TABLE] = GLIBC_TABLE,
	};
	const struct glibc_caches *caches = walker->walk->caches;
	size_t *i = &walker->next_cached;

	while (*i < caches->n_entries && glibc_cached_address(caches->entries[*i]) < address)
		++*i;
	if (*i < caches->n_entries && glibc_cached_address(caches->entries[*i]) == address)
		return kinds[glibc_cached_kind(caches->entries[*i])];
	return GLIBC_IN_USE;
}

static int pass_pending(struct walker *walker, const struct place *place, bool in_use)
{
	enum glibc_chunk_kind kind = GLIBC_FREE;

	if (!place->pending)
		return 0;
	if (place->fenced)
		kind = GLIBC_FENCE;
	else if (in_use)
		kind = kind_of_used(walker, place->pending);
	return pass_on(walker, place->pending, place->next, kind);
}

static void read_header(const struct walker *walker, uint64_t address, uint64_t *ret_prev_size,
			uint64_t *ret_size)
{
	const uint8_t *header = walker->window + (address - walker->window_start);

	memcpy(ret_prev_size, header, sizeof(*ret_prev_size));
	memcpy(ret_size, header + 8, sizeof(*ret_size));
}

static bool in_window(const struct walker *walker, uint64_t address)
{
	return address >= walker->window_start && address + 16 <= walker->window_end;
}

/*
 * Whether the size at address, flags included, can be one of this region's. A thread's heap has fences at its end only;
 * elsewhere a size that is being changed looks like one. What was the main arena's top in front of one is freed, if it
 * was large enough: then PREV_INUSE is not set.
 */
static bool size_holds(const struct glibc_region *region, uint64_t address, uint64_t word)
{
	uint64_t size = word & ~UINT64_C(7);

	if (word & IS_MMAPPED || (region->main && word & NON_MAIN) || !IS_ALIGNED(size, 16))
		return false;
	if (size < GLIBC_MIN_CHUNK)
		return region->main ? size == FENCE_SIZE
				    : region->end - address <= FENCES_MAX &&
					      (size == FENCE_SIZE || word == PREV_INUSE);
	/* the top may have grown since its end was looked up */
	return size <= region->end - address || (region->top && address >= region->top);
}

static enum glibc_chunk_kind kind_of_last(const struct glibc_region *region, uint64_t size)
{
	if (size < GLIBC_MIN_CHUNK)
		return GLIBC_FENCE;
	return region->top ? GLIBC_TOP : GLIBC_IN_USE;
}

/* One step. FINISHED if it was the last one. emit: pass on what is known now. */
static int step(struct walker *walker, struct place *place, bool emit)
{
	const struct glibc_region *region = walker->region;
	uint64_t address = place->next, prev_size, word, size;
	int r = 0;

	read_header(walker, address, &prev_size, &word);
	size = word & ~UINT64_C(7);
	if (!size_holds(region, address, word) ||
	    (!(word & PREV_INUSE) && !place->resumed &&
	     (!place->pending || prev_size != address - place->pending)))
		return INCONSISTENT;
	if (emit)
		r = pass_pending(walker, place, word & PREV_INUSE);
	if (r)
		return r;
	if (address == region->top || size >= region->end - address ||
	    (size < GLIBC_MIN_CHUNK && !region->main)) {
		if (emit)
			r = pass_on(walker, address, region->end, kind_of_last(region, size));
		return r ?: FINISHED;
	}
	*place = (struct place){
		.pending = address, .next = address + size, .fenced = size < GLIBC_MIN_CHUNK};
	return 0;
}

/* From place on as far as the window goes. */
static int look_through(struct walker *walker, struct place *place, bool emit)
{
	int r = 0;

	while (!r && in_window(walker, place->next))
		r = step(walker, place, emit);
	return r;
}

/* Bytes from address on that can be read: 0 if it is not in memory. */
static uint64_t readable(struct walker *walker, uint64_t address)
{
	_cleanup_(residency_deinit) struct residency now = {};
	const struct residency *map = walker->walk->map;
	uint64_t page_end = ALIGN_DOWN(address, MEMORY_PAGE_SIZE) + MEMORY_PAGE_SIZE;
	uint64_t run = residency_run(map, address, walker->window_size);

	if (run || residency_is_swapped(map, address))
		return run ?: page_end - address;
	/* it may have come since the map was made */
	if (residency_read(walker->walk->memory, address, address + 1, &now) < 0)
		return 0;
	return residency_run(&now, address, page_end - address);
}

static int read_window(struct walker *walker, uint64_t address)
{
	uint64_t size = MIN(readable(walker, address), walker->region->end - address);
	int r;

	walker->window_start = walker->window_end = address;
	if (size < 16)
		return INCONSISTENT;
	r = memory_read(walker->walk->memory, address, walker->window, size);
	if (r < 0)
		return r == -EFAULT ? INCONSISTENT : r;
	walker->window_end = address + size;
	return 0;
}

/* Reads where the walk stands and looks whether it fits together, without passing anything on. */
static int try_window(struct walker *walker, struct place *ret)
{
	int r = read_window(walker, walker->place.next);

	*ret = walker->place;
	return r ?: look_through(walker, ret, false);
}

/*
 * The same once more. The header of the chunk that is pending was read in another window, and may have changed before
 * this one was read: so it is read again, too. If it alone fills a window, what follows it is read next.
 */
static int try_again(struct walker *walker, struct place *ret)
{
	const uint64_t pending = walker->place.pending;
	int r;

	if (pending)
		walker->place = (struct place){.next = pending, .resumed = true};
	r = try_window(walker, ret);
	if (r || !pending || ret->pending != pending)
		return r;
	walker->place = *ret;
	return try_window(walker, ret);
}

static int try_paused(struct walker *walker, struct place *ret)
{
	struct pause pause = {};
	int r = INCONSISTENT;

	if (!walker->walk->pid || pause_begin(walker->walk->pid, &pause) < 0)
		return INCONSISTENT;
	if (pause_held_ns(&pause) <= PAUSE_MAX_NS) {
		walker->window_size = MIN(walker->window_size, PAUSE_WINDOW);
		r = try_window(walker, ret);
	}
	pause_end_counted(&pause, walker->walk->pauses);
	return r;
}

/* Whether chunks begin at address, as far as the window shows. */
static bool chain_begins(struct walker *walker, uint64_t address)
{
	struct place place = {.next = address};
	size_t n = 0;
	int r = 0;

	while (!r && n < CHAIN && in_window(walker, place.next)) {
		r = step(walker, &place, false);
		n++;
	}
	return r == FINISHED || (!r && n == CHAIN) ||
	       (!r && n >= 2 && place.next - address >= 4096);
}

/* Finds the next chain of chunks from address on; the region's end if there is none. */
static int search(struct walker *walker, uint64_t address, uint64_t *ret)
{
	walker->window_size = MAX_WINDOW;
	while (address < walker->region->end) {
		int r = read_window(walker, address);

		if (r < 0)
			return r;
		for (; in_window(walker, address); address += 16) {
			if (chain_begins(walker, address)) {
				*ret = address;
				return 0;
			}
		}
		if (r == INCONSISTENT)
			address = ALIGN_DOWN(address, 4096) + 4096;
	}
	*ret = walker->region->end;
	return 0;
}

/* Steps over what does not fit together: from where the walk stands, at least distance bytes. */
static int step_over(struct walker *walker, uint64_t distance)
{
	struct place *place = &walker->place;
	enum glibc_chunk_kind kind = place->fenced ? GLIBC_GAP : GLIBC_UNREAD;
	uint64_t start = place->next, next;
	int r = pass_pending(walker, place, true);

	if (!r)
		r = search(walker, start + distance, &next);
	if (r)
		return r;
	*place = (struct place){.next = next};
	r = pass_on(walker, start, next, kind);
	return r ?: next >= walker->region->end ? FINISHED : 0;
}

/* As many chunks as a megabyte has: read much at once. Few: little. */
static void adapt_window(struct walker *walker, uint64_t before)
{
	uint64_t advance = walker->place.next - before;
	uint64_t seen = walker->window_end - walker->window_start;

	if (advance > seen + SPARSE)
		walker->window_size = MAX(walker->window_size / 4, MIN_WINDOW);
	else
		walker->window_size = MIN(walker->window_size * 4, MAX_WINDOW);
}

static int advance(struct walker *walker)
{
	const uint64_t before = walker->place.next;
	struct place seen;
	int r;

	if (before >= walker->region->end)
		return FINISHED;
	r = try_window(walker, &seen);
	for (int tries = 1; r == INCONSISTENT && tries < TRIES; tries++)
		r = try_again(walker, &seen);
	if (r == INCONSISTENT)
		r = try_paused(walker, &seen);
	if (r < 0)
		return r;
	if (r == INCONSISTENT) {
		/* what did fit */
		r = look_through(walker, &walker->place, true);
		return r == INCONSISTENT || !r ? step_over(walker, 16) : r;
	}
	r = look_through(walker, &walker->place, true);
	adapt_window(walker, before);
	return r;
}

int glibc_walk_region(const struct glibc_walk *walk, const struct glibc_region *region,
		      glibc_visit visit, void *userdata)
{
	uint64_t size = MIN(region->end - MIN(region->first, region->end), MAX_WINDOW);
	_cleanup_free_ uint8_t *window = malloc(MAX(size, MIN_WINDOW));
	struct walker walker = {
		.walk = walk,
		.region = region,
		.visit = visit,
		.userdata = userdata,
		.place = {.next = region->first},
		.next_cached = glibc_caches_find(walk->caches, region->first),
		.window = window,
		.window_size = MAX_WINDOW,
	};
	int r = 0;

	if (!window)
		return -ENOMEM;
	if (region->search)
		r = step_over(&walker, 0);
	progress_begin("reading the heap, MiB",
		       (region->end - MIN(region->first, region->end)) >> 20);
	while (!r) {
		progress_step((walker.place.next - region->first) >> 20);
		r = advance(&walker);
	}
	progress_end();
	return r == FINISHED ? 0 : r == STOPPED ? walker.stopped : r;
}
