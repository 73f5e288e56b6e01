/* SPDX-License-Identifier: MIT */
/*
 * pageheap.c: the page heap.
 *
 * Neighbouring free runs of the same kind are always merged, clean with clean and dirty with dirty, so
 * that "resident" and "reads as zeros" are facts about a whole run. Requests are met from dirty runs
 * first, then from clean ones, then by growing the range.
 *
 * Giving back. Dirty runs stand in a queue in the order in which they became free (a run that grows by
 * merging keeps the older place). Whoever frees pages also looks at the queue's head, no thread needed:
 * what has been free for DECAY_NS goes, a few runs at a time, and what exceeds a share of the pages in
 * use goes at once. While the kernel works on a run it is SPAN_BUSY, in no index, and the lock is free.
 *
 * Invariants, under the lock:
 *   used + dirty.n_pages + clean.n_pages + busy = pages of the range
 *   a run is in the queue if and only if it is in the dirty index
 *   no two neighbours are both clean or both dirty
 */
#include "heap/pageheap.h"

#include "heap/os.h"
#include "heap/pagemap.h"
#include "heap/runs.h"

#define DECAY_NS       1000000000ull
#define DECAY_RUNS     8u         /* given back by age in one visit, at most */
#define DIRTY_MIN      (4ul << 8) /* pages: 4 MiB may always stay */
#define DIRTY_FRACTION 4u         /* of the pages in use may stay */

static struct {
	struct lock lock;
	uint32_t oldest, newest; /* ends of the queue of dirty runs */
	size_t n_used, n_busy;   /* pages */
	uint64_t retry_ns;       /* not before then is anything given back: memory is locked */
	struct runs clean, dirty;
} heap;

static void queue_remove(struct span *span)
{
	if (span->idle.older)
		span_at(span->idle.older)->idle.newer = span->idle.newer;
	else
		heap.oldest = span->idle.newer;
	if (span->idle.newer)
		span_at(span->idle.newer)->idle.older = span->idle.older;
	else
		heap.newest = span->idle.older;
}

/* place is the index of the next older one, 0 for the oldest place of all */
static void queue_insert(struct span *span, uint32_t place)
{
	const uint32_t index = span_index(span);

	span->idle.older = place;
	span->idle.newer = place ? span_at(place)->idle.newer : heap.oldest;
	if (place)
		span_at(place)->idle.newer = index;
	else
		heap.oldest = index;
	if (span->idle.newer)
		span_at(span->idle.newer)->idle.older = index;
	else
		heap.newest = index;
}

static struct runs *index_of(enum span_state state)
{
	return state == SPAN_DIRTY ? &heap.dirty : &heap.clean;
}

static void unlink_run(struct span *span)
{
	runs_remove(index_of(span->state), span);
	if (span->state == SPAN_DIRTY)
		queue_remove(span);
}

/* The free run of that kind that ends before the page, or begins at it. */
static struct span *neighbour(uint32_t page, bool before, enum span_state state)
{
	struct span *span;

	if (before ? page <= 1 : page >= heap_published.used >> HEAP_PAGE_SHIFT)
		return NULL;
	span = pagemap_span(before ? page - 1 : page);
	if (!span || span->state != state)
		return NULL;
	return span;
}

/*
 * Puts a run that is in no index into that of its new state, merged with its neighbours. In the queue it
 * gets the place of the oldest of them.
 */
static void insert(struct span *span, enum span_state state, uint64_t freed_ns)
{
	struct span *before = neighbour(span->page, true, state);
	struct span *after = neighbour(span->page + span->n_pages, false, state);
	bool swap = state == SPAN_DIRTY && before && after &&
		    before->idle.freed_ns < after->idle.freed_ns;
	struct span *sides[2] = {swap ? after : before, swap ? before : after};
	uint32_t place = heap.newest;

	if (before)
		span->page = before->page;
	/* the older one last: what stands before it in the queue is then not the other one */
	for (unsigned i = 0; i < 2; i++) {
		struct span *side = sides[i];

		if (!side)
			continue;
		if (state == SPAN_DIRTY) {
			place = side->idle.older;
			freed_ns = side->idle.freed_ns;
		}
		unlink_run(side);
		span->n_pages += side->n_pages;
		(void)span_free(side);
	}
	span->state = (uint8_t)state;
	if (state == SPAN_DIRTY) {
		span->idle.freed_ns = freed_ns;
		queue_insert(span, place);
	}
	runs_add(index_of(state), span);
	pagemap_set_ends(span);
}

/* Cuts the first n_pages off a used run; the rest becomes a free run of its own. */
static bool cut(struct span *span, size_t n_pages, enum span_state state, uint64_t freed_ns)
{
	struct span *rest;

	if (span->n_pages == n_pages)
		return true;
	rest = span_new();
	if (!rest)
		return false;
	rest->page = span->page + (uint32_t)n_pages;
	rest->n_pages = span->n_pages - (uint32_t)n_pages;
	span->n_pages = (uint32_t)n_pages;
	pagemap_set_ends(span);
	insert(rest, state, freed_ns);
	return true;
}

/* Takes n_pages off the start of a free run, which is still in its index; NULL without memory. */
static struct span *take(struct span *run, size_t n_pages)
{
	struct span *span = run;

	if (run->n_pages == n_pages) {
		unlink_run(run);
		return run;
	}
	span = span_new();
	if (!span)
		return NULL;
	runs_remove(index_of(run->state), run);
	span->page = run->page;
	span->n_pages = (uint32_t)n_pages;
	run->page += (uint32_t)n_pages;
	run->n_pages -= (uint32_t)n_pages;
	runs_add(index_of(run->state), run);
	pagemap_set_ends(run);
	return span;
}

static bool grow_range(size_t n_pages)
{
	struct span *span = span_new();
	size_t got;

	if (!span)
		return false;
	if (!pagemap_extend(n_pages, &span->page, &got)) {
		(void)span_free(span);
		return false;
	}
	span->n_pages = (uint32_t)got;
	insert(span, SPAN_CLEAN, 0);
	return true;
}

/* Gives one dirty run to the kernel. Drops the lock meanwhile. */
static void release_run(struct span *span)
{
	int r;

	unlink_run(span);
	span->state = SPAN_BUSY;
	heap.n_busy += span->n_pages;
	lock_drop(&heap.lock);
	r = os_discard(span_start(span), span_size(span));
	lock_take(&heap.lock);
	heap.n_busy -= span->n_pages;
	if (r == 0) {
		insert(span, SPAN_CLEAN, 0);
	} else {
		/* locked memory cannot be given back: it is dirty for another while */
		heap.retry_ns = os_now_ns() + DECAY_NS;
		insert(span, SPAN_DIRTY, os_now_ns());
	}
}

static void decay(uint64_t now)
{
	const size_t allowed = MAX(heap.n_used / DIRTY_FRACTION, DIRTY_MIN);
	size_t tries = heap.dirty.n_pages;

	if (now < heap.retry_ns)
		return;
	for (unsigned i = 0; i < DECAY_RUNS && heap.oldest; i++) {
		struct span *span = span_at(heap.oldest);

		if (now - MIN(now, span->idle.freed_ns) < DECAY_NS)
			break;
		release_run(span);
	}
	while (heap.oldest && heap.dirty.n_pages > allowed && tries) {
		struct span *span = span_at(heap.oldest);

		tries -= MIN(tries, span->n_pages);
		release_run(span);
	}
}

static bool release(size_t keep_pages)
{
	size_t tries = heap.dirty.n_pages;
	bool any = false;

	while (heap.oldest && heap.dirty.n_pages > keep_pages && tries) {
		struct span *span = span_at(heap.oldest);

		tries -= MIN(tries, span->n_pages);
		release_run(span);
		any = true;
	}
	return any;
}

/* A free run of n_pages, still in its index, by all means. */
static struct span *find(size_t n_pages)
{
	struct span *run = runs_find(&heap.dirty, n_pages);

	if (!run)
		run = runs_find(&heap.clean, n_pages);
	if (!run && grow_range(n_pages))
		run = runs_find(&heap.clean, n_pages);
	/* merges what lies side by side in both kinds */
	if (!run && n_pages <= heap.dirty.n_pages + heap.clean.n_pages && release(0))
		run = runs_find(&heap.clean, n_pages);
	return run;
}

/* Cuts a run so that it begins at a multiple of align and is n_pages long. */
static struct span *trim_to(struct span *span, size_t n_pages, size_t align, enum span_state state,
			    uint64_t freed_ns)
{
	const uintptr_t first = span_start(span) >> HEAP_PAGE_SHIFT;
	const size_t skip = ALIGN_UP(first, align) - first;

	if (skip) {
		struct span *head = span_new();

		if (!head) {
			insert(span, state, freed_ns);
			return NULL;
		}
		head->page = span->page;
		head->n_pages = (uint32_t)skip;
		span->page += (uint32_t)skip;
		span->n_pages -= (uint32_t)skip;
		pagemap_set_ends(span);
		insert(head, state, freed_ns);
	}
	/* without memory for the entry the run just stays longer */
	(void)cut(span, n_pages, state, freed_ns);
	return span;
}

struct span *pageheap_alloc(size_t n_pages, size_t align, enum span_state state, bool *ret_zero)
{
	const size_t want = n_pages + align - 1;
	enum span_state kind = SPAN_CLEAN;
	struct span *run, *span = NULL;
	uint64_t freed_ns = 0;

	if (!pagemap_init())
		return NULL;
	lock_take(&heap.lock);
	run = find(want);
	if (run) {
		kind = run->state;
		freed_ns = kind == SPAN_DIRTY ? run->idle.freed_ns : 0;
		span = take(run, want);
	}
	if (span) {
		/* in use while neighbours are merged */
		span->state = (uint8_t)state;
		if (align > 1)
			span = trim_to(span, n_pages, align, kind, freed_ns);
	}
	if (span) {
		heap.n_used += span->n_pages;
		span->class = 0;
		span->tag = 0;
		span->tags = 0;
		pagemap_set_ends(span);
		if (ret_zero)
			*ret_zero = kind == SPAN_CLEAN;
	}
	lock_drop(&heap.lock);
	return span;
}

void pageheap_free(struct span *span)
{
	const uint64_t now = os_now_ns();

	lock_take(&heap.lock);
	heap.n_used -= span->n_pages;
	insert(span, SPAN_DIRTY, now);
	decay(now);
	lock_drop(&heap.lock);
}

bool pageheap_grow(struct span *span, size_t n_pages)
{
	const size_t more = n_pages - span->n_pages;
	struct span *run = NULL, *taken = NULL;

	lock_take(&heap.lock);
	for (enum span_state kind = SPAN_CLEAN; kind <= SPAN_DIRTY && !run; kind++)
		run = neighbour(span->page + span->n_pages, false, kind);
	if (run && run->n_pages >= more)
		taken = take(run, more);
	if (taken) {
		span->n_pages += taken->n_pages;
		heap.n_used += taken->n_pages;
		(void)span_free(taken);
		pagemap_set_ends(span);
	}
	lock_drop(&heap.lock);
	return taken;
}

void pageheap_shrink(struct span *span, size_t n_pages)
{
	const uint64_t now = os_now_ns();
	const size_t before = span->n_pages;

	lock_take(&heap.lock);
	(void)cut(span, n_pages, SPAN_DIRTY, now);
	heap.n_used -= before - span->n_pages;
	decay(now);
	lock_drop(&heap.lock);
}

bool pageheap_release(size_t keep)
{
	bool any;

	lock_take(&heap.lock);
	any = release(keep >> HEAP_PAGE_SHIFT);
	lock_drop(&heap.lock);
	return any;
}

void pageheap_get_stats(struct pageheap_stats *ret)
{
	lock_take(&heap.lock);
	*ret = (struct pageheap_stats){
		.used = heap.n_used,
		.dirty = heap.dirty.n_pages + heap.n_busy,
		.clean = heap.clean.n_pages,
	};
	lock_drop(&heap.lock);
}

struct lock *pageheap_lock(void)
{
	return &heap.lock;
}
