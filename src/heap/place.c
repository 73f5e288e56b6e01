/* SPDX-License-Identifier: MIT */
/*
 * place.c: small, large or huge.
 *
 * Small blocks come from the thread's cache, large ones are runs of the page heap, huge ones are
 * mappings. Each of the last two steps in for the other when it has no memory: a range that is full
 * leaves mappings, and a process at its limit of mappings leaves the range.
 */
#include "heap/place.h"

#include "heap/huge.h"
#include "heap/pageheap.h"
#include "heap/sample.h"
#include "heap/tagged.h"

/* From here on, not to keep a freed block is worth the page faults of the next one. */
#define HUGE_MIN (32ul << 20)

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

static void *place_alone(const struct request *request, struct span **ret_span, bool *ret_zero)
{
	const size_t align = MAX(request->align, HEAP_PAGE);
	const bool huge = place_is_huge(request->size) || place_is_huge(align);
	const struct pageheap_request run = {
		.n_pages = (request->size + HEAP_PAGE - 1) >> HEAP_PAGE_SHIFT,
		.align = align >> HEAP_PAGE_SHIFT,
		.room = request->grows ? (request->size + HEAP_PAGE - 1) >> HEAP_PAGE_SHIFT : 0,
		.state = SPAN_LARGE,
	};
	struct span *span = NULL;

	if (request->size > PTRDIFF_MAX || align > PTRDIFF_MAX)
		return NULL;
	if (huge)
		span = huge_alloc(request->size, align);
	if (!span)
		span = pageheap_alloc(&run, ret_zero);
	if (!span && !huge)
		span = huge_alloc(request->size, align);
	if (!span)
		return NULL;
	*ret_span = span;
	if (span->state == SPAN_LARGE)
		return (void *)span_start(span);
	*ret_zero = true;
	return (void *)span->huge.start;
}

void *place_block(struct threadcache *cache, const struct request *request, bool *ret_zero)
{
	const unsigned class = class_for(request);
	const bool chosen = sample_count(cache, request->size);
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
		block = place_alone(request, &span, ret_zero);
		tag = block ? &span->tag : NULL;
	}
	if (block && chosen)
		sample_allocated(cache, block, request->asked, tag);
	return block;
}

void place_free_alone(struct span *span)
{
	if (span->state == SPAN_HUGE)
		huge_free(span);
	else
		pageheap_free(span);
}
