/* SPDX-License-Identifier: MIT */
/*
 * idle.c: see idle.h.
 *
 * Neighbouring free runs of the same kind are always merged, clean with clean and dirty with dirty, so
 * that "resident" and "reads as zeros" are facts about a whole run. Where neither kind has a run that is
 * long enough, neighbours of both kinds are put together: a dirty run with the clean ones at its ends
 * costs only what is missing.
 *
 * Invariants, under the lock:
 *   a run is in the queue if and only if it is in the dirty index
 *   no two neighbours are both clean or both dirty
 */
#include "heap/idle.h"

#include <string.h>

#include "heap/pagemap.h"
#include "heap/runs.h"

#define SPARE      32u /* unused entries at hand */
#define MIXED_LOOK 16u /* dirty runs, longest first, whose neighbours are looked at */

static struct {
	uint32_t oldest, newest; /* ends of the queue of dirty runs */
	uint32_t spare[SPARE];   /* indices */
	unsigned n_spare;
	struct runs clean, dirty;
} idle;

struct span *idle_entry_new(void)
{
	struct span *span;

	if (!idle.n_spare)
		return span_new();
	span = span_at(idle.spare[--idle.n_spare]);
	*span = (struct span){0};
	return span;
}

void idle_entry_free(struct span *span)
{
	if (idle.n_spare == SPARE) {
		(void)span_free(span);
		return;
	}
	span->state = SPAN_NONE;
	idle.spare[idle.n_spare++] = span_index(span);
}

static void queue_remove(struct span *span)
{
	if (span->idle.older)
		span_at(span->idle.older)->idle.newer = span->idle.newer;
	else
		idle.oldest = span->idle.newer;
	if (span->idle.newer)
		span_at(span->idle.newer)->idle.older = span->idle.older;
	else
		idle.newest = span->idle.older;
}

/* place is the index of the next older one, 0 for the oldest place of all */
static void queue_insert(struct span *span, uint32_t place)
{
	const uint32_t index = span_index(span);

	span->idle.older = place;
	span->idle.newer = place ? span_at(place)->idle.newer : idle.oldest;
	if (place)
		span_at(place)->idle.newer = index;
	else
		idle.oldest = index;
	if (span->idle.newer)
		span_at(span->idle.newer)->idle.older = index;
	else
		idle.newest = index;
}

static struct runs *index_of(enum span_state state)
{
	return state == SPAN_DIRTY ? &idle.dirty : &idle.clean;
}

void idle_unlink(struct span *span)
{
	runs_remove(index_of(span->state), span);
	if (span->state == SPAN_DIRTY)
		queue_remove(span);
}

struct span *idle_neighbour(uint32_t page, bool before, enum span_state state)
{
	struct span *span;

	if (before ? page <= 1 : page >= heap_published.used >> HEAP_PAGE_SHIFT)
		return NULL;
	span = pagemap_span(before ? page - 1 : page);
	/* threads keep used spans without the lock: SPAN_LARGE, SPAN_BUSY */
	if (!span || __atomic_load_n(&span->state, __ATOMIC_RELAXED) != state)
		return NULL;
	return span;
}

void idle_insert(struct span *span, enum span_state state, uint64_t freed_ns)
{
	struct span *before = idle_neighbour(span->page, true, state);
	struct span *after = idle_neighbour(span->page + span->n_pages, false, state);
	bool swap = state == SPAN_DIRTY && before && after &&
		    before->idle.freed_ns < after->idle.freed_ns;
	struct span *sides[2] = {swap ? after : before, swap ? before : after};
	uint32_t place = idle.newest;

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
		idle_unlink(side);
		span->n_pages += side->n_pages;
		idle_entry_free(side);
	}
	span->state = (uint8_t)state;
	if (state == SPAN_DIRTY) {
		span->idle.freed_ns = freed_ns;
		queue_insert(span, place);
	}
	runs_add(index_of(state), span);
	pagemap_set_ends(span);
}

void idle_reset(void)
{
	memset(&idle, 0, sizeof(idle));
}

void idle_adopt(struct span *span)
{
	if (span->state == SPAN_DIRTY) {
		span->idle.freed_ns = 0;
		queue_insert(span, idle.newest);
	}
	runs_add(index_of(span->state), span);
}

bool idle_cut(struct span *span, size_t n_pages, enum span_state state, uint64_t freed_ns)
{
	struct span *rest;

	if (span->n_pages == n_pages)
		return true;
	rest = idle_entry_new();
	if (!rest)
		return false;
	rest->page = span->page + (uint32_t)n_pages;
	rest->n_pages = span->n_pages - (uint32_t)n_pages;
	span->n_pages = (uint32_t)n_pages;
	pagemap_set_ends(span);
	idle_insert(rest, state, freed_ns);
	return true;
}

struct span *idle_take(struct span *run, size_t n_pages)
{
	struct span *span = run;

	if (run->n_pages == n_pages) {
		idle_unlink(run);
		return run;
	}
	span = idle_entry_new();
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

bool idle_grow_range(size_t n_pages)
{
	struct span *span = idle_entry_new();
	size_t got;

	if (!span)
		return false;
	if (!pagemap_extend(n_pages, &span->page, &got)) {
		idle_entry_free(span);
		return false;
	}
	span->n_pages = (uint32_t)got;
	idle_insert(span, SPAN_CLEAN, 0);
	return true;
}

/* Takes n_pages off the end of a clean run. */
static void shorten(struct span *run, size_t n_pages)
{
	if (run->n_pages == n_pages) {
		idle_unlink(run);
		idle_entry_free(run);
		return;
	}
	runs_remove(&idle.clean, run);
	run->n_pages -= (uint32_t)n_pages;
	runs_add(&idle.clean, run);
	pagemap_set_ends(run);
}

struct span *idle_take_end(struct span *run, size_t n_pages)
{
	struct span *span = n_pages < run->n_pages ? idle_entry_new() : NULL;

	if (!span) {
		idle_unlink(run);
		return run;
	}
	runs_remove(index_of(run->state), run);
	run->n_pages -= (uint32_t)n_pages;
	runs_add(index_of(run->state), run);
	pagemap_set_ends(run);
	span->page = run->page + run->n_pages;
	span->n_pages = (uint32_t)n_pages;
	return span;
}

/* Makes a dirty run n_pages long by the clean ones at its ends, if they are long enough. */
static bool lengthen(struct span *run, size_t n_pages)
{
	struct span *before = idle_neighbour(run->page, true, SPAN_CLEAN);
	struct span *after = idle_neighbour(run->page + run->n_pages, false, SPAN_CLEAN);
	const size_t n_after = after ? after->n_pages : 0, n_before = before ? before->n_pages : 0;
	size_t need = n_pages - run->n_pages, some = MIN(need, n_after);
	const uint64_t freed_ns = run->idle.freed_ns;

	if (n_after + n_before < need)
		return false;
	after = some ? idle_take(after, some) : NULL;
	if (some && !after)
		return false;
	idle_unlink(run);
	if (after)
		idle_entry_free(after);
	run->n_pages += (uint32_t)some;
	need -= some;
	if (need) {
		shorten(before, need);
		run->page -= (uint32_t)need;
		run->n_pages += (uint32_t)need;
	}
	/* there may be dirty ones beyond */
	idle_insert(run, SPAN_DIRTY, freed_ns);
	return true;
}

/* A dirty run that became n_pages long with clean neighbours, most of it dirty. */
static struct span *find_mixed(size_t n_pages)
{
	struct span *run = runs_longest(&idle.dirty);

	for (unsigned i = 0; run && i < MIXED_LOOK; i++, run = runs_shorter(&idle.dirty, run)) {
		if (run->n_pages < n_pages / 2)
			break;
		if (lengthen(run, n_pages))
			return run;
	}
	return NULL;
}

struct span *idle_find(size_t n_pages)
{
	struct span *run = runs_find(&idle.dirty, n_pages);

	if (!run)
		run = find_mixed(n_pages);
	if (!run)
		run = runs_find(&idle.clean, n_pages);
	if (!run && idle_grow_range(n_pages))
		run = runs_find(&idle.clean, n_pages);
	return run;
}

struct span *idle_longest_dirty(void)
{
	return runs_longest(&idle.dirty);
}

struct span *idle_find_clean(size_t n_pages)
{
	return runs_find(&idle.clean, n_pages);
}

struct span *idle_oldest(void)
{
	return idle.oldest ? span_at(idle.oldest) : NULL;
}

size_t idle_pages(enum span_state state)
{
	return index_of(state)->n_pages;
}
