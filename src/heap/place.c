/* SPDX-License-Identifier: MIT */
/*
 * place.c: small, large or huge.
 *
 * Small blocks come from the thread's cache, large ones are runs of the page heap, huge ones are
 * mappings. Each of the last two steps in for the other when it has no memory: a range that is full
 * leaves mappings, and a process at its limit of mappings leaves the range.
 *
 * The large span that a thread has freed last stays with it: often the next one that it wants is as long, and
 * then no lock is taken.
 */
#include "heap/place.h"

#include "heap/huge.h"
#include "heap/pageheap.h"
#include "heap/pagemap.h"
#include "heap/sample.h"
#include "heap/tagged.h"

/* From here on, not to keep a freed block is worth the page faults of the next one. */
#define HUGE_MIN      (32ul << 20)
#define KEEP_TIDY     64u /* a thread comes by for tidy_visit with one in so many */
#define KEEP_FRACTION 8u  /* of what a thread may hold: the span that it keeps, at most */

bool place_is_huge(size_t size)
{
	return size >= HUGE_MIN;
}

static unsigned class_for(const struct request *request)
{
	if (request->size > SIZECLASS_MAX || request->align > HEAP_PAGE)
		return 0;
	/* fresh pages need no zeros, blocks of a class do */
	if (request->zero && request->size > SIZECLASS_SHARED_MAX)
		return 0;
	/* pages can be added where they are */
	if (request->grows && place_is_run(request->size))
		return 0;
	if (request->align <= 16)
		return sizeclass_of(request->size);
	return sizeclass_of_aligned(request->align, request->size);
}

/* Not those that grow, which are moved by pages, and zeros, which come as pages. */
static bool is_shifted(const struct request *request)
{
	return request->size > SIZECLASS_MAX && request->align <= SPAN_SHIFT && !request->grows &&
	       !request->zero;
}

/* The span that the thread keeps, in use again, if it is what is wanted. */
static struct span *take_kept(struct threadcache *cache, const struct pageheap_request *run)
{
	struct span *span = span_at(cache->kept);

	if (!cache->kept || span->n_pages != run->n_pages || run->align > 1 || run->room)
		return NULL;
	cache->kept = 0;
	span->tag = 0;
	__atomic_store_n(&span->state, SPAN_LARGE, __ATOMIC_RELEASE);
	return span;
}

/* Counts size bytes down as sample_count does, where no report is due. */
static bool count_kept(struct threadcache *cache, size_t size)
{
	const int64_t countdown = __atomic_load_n(&cache->countdown, __ATOMIC_RELAXED);

	/* it is over if others stored 0 */
	if (countdown <= 0 || ++cache->n_kept % KEEP_TIDY == 0)
		return false;
	/* large blocks use countdowns up; what comes behind is as good */
	if (size < (uint64_t)countdown)
		__atomic_store_n(&cache->countdown, countdown - (int64_t)size, __ATOMIC_RELAXED);
	else if (cache->rest > 0 && size < (uint64_t)cache->rest)
		cache->rest -= (int64_t)size;
	else
		return false;
	return true;
}

void *place_take_kept(size_t size)
{
	struct threadcache *cache = threadcache_self;
	struct span *span = NULL;

	if (!cache->kept || cache->busy)
		return NULL;
	/* as threadcache_enter does: signal handlers keep off */
	cache->busy = 1;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (span_at(cache->kept)->n_pages == span_pages(size + SPAN_SHIFT_MAX) &&
	    count_kept(cache, size)) {
		span = span_at(cache->kept);
		cache->kept = 0;
		__atomic_store_n(&span->state, SPAN_LARGE, __ATOMIC_RELEASE);
	}
	threadcache_leave(cache);
	return span ? (void *)span_block(span) : NULL;
}

bool place_keep(void *block)
{
	struct threadcache *cache = threadcache_self;
	const size_t offset = pagemap_offset(block);
	struct span *span;

	if (!pagemap_has(offset))
		return false;
	span = pagemap_span(offset >> HEAP_PAGE_SHIFT);
	/* a thread without a cache keeps nothing: keep_max is 0 */
	if (cache->kept || cache->busy || !span || span->state != SPAN_LARGE || span->tag ||
	    span_block(span) != (uintptr_t)block || span_size(span) > cache->keep_max)
		return false;
	cache->busy = 1;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n(&span->state, SPAN_BUSY, __ATOMIC_RELEASE);
	cache->kept = span_index(span);
	threadcache_leave(cache);
	return true;
}

void place_flush(struct threadcache *cache)
{
	struct span *span = span_at(cache->kept);

	if (!cache->kept)
		return;
	cache->kept = 0;
	__atomic_store_n(&span->state, SPAN_LARGE, __ATOMIC_RELEASE);
	pageheap_free(span);
}

/* Keeps a span that was freed, instead of the one before. */
static void keep(struct threadcache *cache, struct span *span)
{
	place_flush(cache);
	/* from here on another free of it is seen */
	__atomic_store_n(&span->state, SPAN_BUSY, __ATOMIC_RELEASE);
	cache->kept = span_index(span);
}

static void *place_alone(struct threadcache *cache, const struct request *request,
			 struct span **ret_span, bool *ret_zero)
{
	const size_t align = MAX(request->align, HEAP_PAGE);
	const bool shifted = is_shifted(request);
	const bool huge = place_is_huge(request->size) || place_is_huge(align);
	const struct pageheap_request run = {
		.n_pages = span_pages(request->size +
				      (shifted ? SPAN_SHIFT_MAX : request->shift * SPAN_SHIFT)),
		.align = align >> HEAP_PAGE_SHIFT,
		.room = request->grows ? span_pages(request->size) : 0,
		.state = SPAN_LARGE,
	};
	struct span *span = NULL;

	if (request->size > PTRDIFF_MAX || align > PTRDIFF_MAX)
		return NULL;
	if (huge)
		span = huge_alloc(request->size, align);
	else
		span = take_kept(cache, &run);
	if (!span)
		span = pageheap_alloc(&run, ret_zero);
	if (!span && !huge)
		span = huge_alloc(request->size, align);
	if (!span)
		return NULL;
	*ret_span = span;
	if (span->state == SPAN_LARGE) {
		span->shift = shifted ? span_choose_shift(span) : request->shift;
		return (void *)span_block(span);
	}
	*ret_zero = true;
	return (void *)span->huge.start;
}

void *place_block(struct threadcache *cache, const struct request *request, bool *ret_zero)
{
	const unsigned class = class_for(request);
	const bool chosen = sample_count(cache, MAX(request->asked, 1));
	struct span *span = NULL;
	uint32_t *tag = NULL;
	void *block;

	*ret_zero = false;
	if (class) {
		block = chosen ? tagged_take(cache, class, &tag) : NULL;
		/* at the limit, a block that is not recorded is better than none */
		if (!block)
			return threadcache_take(cache, class);
	} else {
		block = place_alone(cache, request, &span, ret_zero);
		tag = block ? &span->tag : NULL;
	}
	if (block && chosen)
		sample_allocated(cache, block, request->asked, tag);
	return block;
}

/* What the thread keeps is also limited by how many threads there are. */
static size_t keep_max(struct threadcache *cache)
{
	/* blocks of a round number of bytes have a page more */
	cache->keep_max = threadcache_share() / KEEP_FRACTION + HEAP_PAGE;
	return cache->keep_max;
}

void place_free_alone(struct threadcache *cache, struct span *span)
{
	if (span->state == SPAN_HUGE)
		huge_free(span);
	else if (cache && span_size(span) <= keep_max(cache))
		keep(cache, span);
	else
		pageheap_free(span);
}
