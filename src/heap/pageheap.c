/* SPDX-License-Identifier: MIT */
/*
 * pageheap.c: which pages are used, and when free ones go back to the kernel. The runs of free pages
 * themselves are kept by idle.c.
 *
 * Giving back. What was in use at once a moment ago is likely to be needed again, so used and dirty pages
 * together may be as many as were used at the most in this window of time and the one before, and a
 * little more. What is above that goes, oldest first: when fresh pages have to be taken although
 * there are dirty ones, and when a window has passed. Whoever frees or comes by looks at the clock, no
 * thread needed. Dirty runs stand in a queue in the order in which they became free (a run that grows by
 * merging keeps the older place). While the kernel works on a run it is SPAN_BUSY, in no index, and the
 * lock is free.
 *
 * Invariants, under the lock:
 *   used + dirty + clean + busy = pages of the range
 */
#include "heap/pageheap.h"

#include "heap/idle.h"
#include "heap/os.h"
#include "heap/pagemap.h"

#define WINDOW_NS      400000000ull
#define RETRY_NS       1000000000ull
#define SLACK_MIN      8ul  /* pages that may stay above the most that was used */
#define SLACK_FRACTION 16u  /* of the most */
#define PIECE_MIN      64ul /* pages: what is given back at once, at least */

static struct {
	struct lock lock;
	size_t n_used, n_busy;    /* pages */
	uint64_t retry_ns;        /* not before then is anything given back: memory is locked */
	size_t most, most_before; /* pages used, in this window and the one before */
	uint64_t window_ns;       /* when this window began */
	struct span *held;        /* a large run that was just freed, SPAN_BUSY, or NULL */
} heap;

static void count_used(size_t n_pages)
{
	heap.n_used += n_pages;
	heap.most = MAX(heap.most, heap.n_used);
}

/* Gives a dirty run to the kernel, or its end, n_pages long. Drops the lock meanwhile. */
static void release_run(struct span *run, size_t n_pages)
{
	struct span *span = idle_take_end(run, n_pages);
	int r;

	span->state = SPAN_BUSY;
	pagemap_set_ends(span);
	heap.n_busy += span->n_pages;
	lock_drop(&heap.lock);
	r = os_discard(span_start(span), span_size(span));
	lock_take(&heap.lock);
	heap.n_busy -= span->n_pages;
	if (r == 0) {
		idle_insert(span, SPAN_CLEAN, 0);
	} else {
		/* locked memory cannot be given back: it is dirty for another while */
		heap.retry_ns = os_now_ns() + RETRY_NS;
		idle_insert(span, SPAN_DIRTY, os_now_ns());
	}
}

/* Gives dirty pages to the kernel, oldest first, until keep_pages are left. */
static bool release(size_t keep_pages)
{
	size_t tries = idle_pages(SPAN_DIRTY);
	bool any = false;

	while (idle_oldest() && idle_pages(SPAN_DIRTY) > keep_pages && tries) {
		struct span *run = idle_oldest();
		size_t n_pages = MAX(idle_pages(SPAN_DIRTY) - keep_pages, PIECE_MIN);

		/* an end that is not worth a call of its own goes with the rest */
		if (n_pages + PIECE_MIN > run->n_pages)
			n_pages = run->n_pages;
		tries -= MIN(tries, n_pages);
		release_run(run, n_pages);
		any = true;
	}
	return any;
}

/* How many dirty pages may stay. */
static size_t allowed(void)
{
	const size_t most = MAX(heap.most, heap.most_before);

	return most - heap.n_used + MAX(most / SLACK_FRACTION, SLACK_MIN);
}

static void decay(uint64_t now)
{
	if (now - heap.window_ns < WINDOW_NS && now >= heap.window_ns)
		return;
	heap.window_ns = now;
	heap.most_before = heap.most;
	heap.most = heap.n_used;
	if (now >= heap.retry_ns)
		(void)release(allowed());
}

/* The same by all means: what lies side by side in both kinds is merged. */
static struct span *find_hard(size_t n_pages)
{
	struct span *run = idle_find(n_pages);

	if (!run && n_pages <= idle_pages(SPAN_DIRTY) + idle_pages(SPAN_CLEAN) && release(0))
		run = idle_find_clean(n_pages);
	return run;
}

/* Cuts a run so that it begins at a multiple of align and is n_pages long. */
static struct span *trim_to(struct span *span, size_t n_pages, size_t align, enum span_state state,
			    uint64_t freed_ns)
{
	const uintptr_t first = span_start(span) >> HEAP_PAGE_SHIFT;
	const size_t skip = ALIGN_UP(first, align) - first;

	if (skip) {
		struct span *head = idle_entry_new();

		if (!head) {
			idle_insert(span, state, freed_ns);
			return NULL;
		}
		head->page = span->page;
		head->n_pages = (uint32_t)skip;
		span->page += (uint32_t)skip;
		span->n_pages -= (uint32_t)skip;
		pagemap_set_ends(span);
		idle_insert(head, state, freed_ns);
	}
	/* without memory for the entry the run just stays longer */
	(void)idle_cut(span, n_pages, state, freed_ns);
	return span;
}

/*
 * Fresh pages were taken, as none of the dirty ones fit. What that is too much goes, with a margin so
 * that it does not come to this at each run.
 */
static void make_up(void)
{
	const size_t keep = allowed();

	if (idle_pages(SPAN_DIRTY) > keep && (!heap.retry_ns || os_now_ns() >= heap.retry_ns))
		(void)release(keep - keep / 4);
}

/* The run that is held becomes an ordinary dirty one. */
static void let_go(void)
{
	struct span *span = heap.held;

	if (!span)
		return;
	heap.held = NULL;
	heap.n_busy -= span->n_pages;
	idle_insert(span, SPAN_DIRTY, os_now_ns());
}

/* Keeps a run that was freed: often the next one that is wanted is as long. */
static void hold(struct span *span)
{
	let_go();
	heap.held = span;
	heap.n_busy += span->n_pages;
	span->state = SPAN_BUSY;
}

/* The run that is held, in use again, if it is what is wanted. */
static struct span *take_held(const struct pageheap_request *request)
{
	struct span *span = heap.held;

	if (!span || span->n_pages != request->n_pages || request->align > 1 ||
	    request->state != SPAN_LARGE)
		return NULL;
	heap.held = NULL;
	heap.n_busy -= span->n_pages;
	heap.n_used += span->n_pages;
	span->state = SPAN_LARGE;
	span->tag = 0;
	return span;
}

/*
 * A run of n_pages, cut off the front of a free one that has room pages more, if there is such: what grows gets
 * the longest, so that it does not go on into fresh pages while those of the buffer before it lie idle.
 */
static struct span *cut_out(const struct pageheap_request *request, enum span_state *ret_kind,
			    uint64_t *ret_freed_ns)
{
	const size_t n_pages = request->n_pages + request->align - 1, room = request->room;
	struct span *run = room ? idle_longest_dirty() : NULL;

	if (room && (!run || run->n_pages < n_pages + room))
		run = idle_find(n_pages + room);
	if (!run)
		run = find_hard(n_pages);
	if (!run)
		return NULL;
	*ret_kind = run->state;
	*ret_freed_ns = run->state == SPAN_DIRTY ? run->idle.freed_ns : 0;
	return idle_take(run, n_pages);
}

struct span *pageheap_alloc(const struct pageheap_request *request, bool *ret_zero)
{
	enum span_state kind = SPAN_CLEAN;
	uint64_t freed_ns = 0;
	struct span *span;

	if (!pagemap_init())
		return NULL;
	lock_take(&heap.lock);
	span = take_held(request);
	if (span) {
		lock_drop(&heap.lock);
		if (ret_zero)
			*ret_zero = false;
		return span;
	}
	let_go();
	span = cut_out(request, &kind, &freed_ns);
	if (span) {
		/* of no class yet, and in use while neighbours are merged */
		span->class = 0;
		__atomic_store_n(&span->state, (uint8_t)request->state, __ATOMIC_RELEASE);
		if (request->align > 1)
			span = trim_to(span, request->n_pages, request->align, kind, freed_ns);
	}
	if (span) {
		count_used(span->n_pages);
		span->tag = 0;
		span->tags = 0;
		pagemap_set_ends(span);
		if (ret_zero)
			*ret_zero = kind == SPAN_CLEAN;
		if (kind == SPAN_CLEAN)
			make_up();
	}
	lock_drop(&heap.lock);
	return span;
}

void pageheap_free(struct span *span)
{
	const bool large = span->state == SPAN_LARGE;
	const uint64_t now = large ? 0 : os_now_ns();

	lock_take(&heap.lock);
	heap.n_used -= span->n_pages;
	if (large) {
		hold(span);
	} else {
		idle_insert(span, SPAN_DIRTY, now);
		decay(now);
	}
	lock_drop(&heap.lock);
}

void pageheap_free_moved(struct span *span)
{
	lock_take(&heap.lock);
	heap.n_used -= span->n_pages;
	idle_insert(span, SPAN_CLEAN, 0);
	lock_drop(&heap.lock);
}

/* The free run behind a used one. At the end of the range it is made, n_pages long at least. */
static struct span *run_behind(const struct span *span, size_t n_pages)
{
	const uint32_t end = span->page + span->n_pages;
	struct span *run = idle_neighbour(end, false, SPAN_DIRTY);

	if (!run)
		run = idle_neighbour(end, false, SPAN_CLEAN);
	if (run && run->n_pages >= n_pages)
		return run;
	if ((run ? run->page + run->n_pages : end) != heap_published.used >> HEAP_PAGE_SHIFT)
		return run;
	/* what is new is merged with a clean run before it */
	if (!idle_grow_range(n_pages - (run ? run->n_pages : 0)) ||
	    (run && run->state == SPAN_DIRTY))
		return run;
	return idle_neighbour(end, false, SPAN_CLEAN);
}

bool pageheap_grow(struct span *span, size_t n_pages)
{
	bool fresh = false;

	lock_take(&heap.lock);
	let_go();
	while (span->n_pages < n_pages) {
		const size_t more = n_pages - span->n_pages;
		struct span *run = run_behind(span, more);
		struct span *taken = run ? idle_take(run, MIN(more, run->n_pages)) : NULL;

		if (!taken)
			break;
		fresh |= taken->state == SPAN_CLEAN;
		span->n_pages += taken->n_pages;
		count_used(taken->n_pages);
		idle_entry_free(taken);
		pagemap_set_ends(span);
	}
	if (fresh)
		make_up();
	lock_drop(&heap.lock);
	return span->n_pages >= n_pages;
}

void pageheap_shrink(struct span *span, size_t n_pages)
{
	const uint64_t now = os_now_ns();
	const size_t before = span->n_pages;

	lock_take(&heap.lock);
	(void)idle_cut(span, n_pages, SPAN_DIRTY, now);
	heap.n_used -= before - span->n_pages;
	decay(now);
	lock_drop(&heap.lock);
}

void pageheap_age(void)
{
	lock_take(&heap.lock);
	let_go();
	decay(os_now_ns());
	lock_drop(&heap.lock);
}

bool pageheap_release(size_t keep)
{
	bool any;

	lock_take(&heap.lock);
	let_go();
	any = release(keep >> HEAP_PAGE_SHIFT);
	lock_drop(&heap.lock);
	return any;
}

void pageheap_get_stats(struct pageheap_stats *ret)
{
	lock_take(&heap.lock);
	*ret = (struct pageheap_stats){
		.used = heap.n_used,
		.dirty = idle_pages(SPAN_DIRTY) + heap.n_busy,
		.clean = idle_pages(SPAN_CLEAN),
	};
	lock_drop(&heap.lock);
}

void pageheap_reset(void)
{
	const size_t n_pages = heap_published.used >> HEAP_PAGE_SHIFT;

	heap.n_busy = 0;
	heap.held = NULL;
	/* page 0 is not counted */
	heap.n_used = n_pages ? n_pages - 1 - idle_pages(SPAN_DIRTY) - idle_pages(SPAN_CLEAN) : 0;
	heap.most = MAX(heap.most, heap.n_used);
}

struct lock *pageheap_lock(void)
{
	return &heap.lock;
}
