/* SPDX-License-Identifier: MIT */
/*
 * rebuild.c: lists, indexes and counts from the table of spans.
 *
 * The kernel copies a process as it is: threads other than the one that forks stop somewhere, each with all
 * its stores up to there and none after it. So what a free lock protects is whole, and what a held one
 * protects may not be. Links cannot be trusted then, but entries can, if the pages that they say to be theirs
 * say so too: changes enter a run at its ends as the last thing, and take an entry out of use before that.
 *
 *   small span   its state and class are stored when all else in it holds; its bitmap is its content
 *   free run     entered at both ends
 *   huge block   has a start
 *   large block  stays what it is: nothing is linked
 *
 * A free run that was just being cut or merged is not entered at both ends and is lost, as is a span on
 * its way from one tier to the other. Those are counted as used.
 */
#include "heap/rebuild.h"

#include "heap/area.h"
#include "heap/central.h"
#include "heap/huge.h"
#include "heap/idle.h"
#include "heap/meta.h"
#include "heap/pageheap.h"
#include "heap/pagemap.h"
#include "heap/threadcache.h"

static bool is_entered(const struct span *span)
{
	const size_t n_pages = heap_published.used >> HEAP_PAGE_SHIFT;
	const uint32_t index = span_index(span);

	return span->page && span->n_pages && span->page < n_pages &&
	       span->n_pages <= n_pages - span->page && *pagemap_slot(span->page) == index &&
	       *pagemap_slot(span->page + span->n_pages - 1) == index;
}

static void adopt_free_run(struct span *span)
{
	if (!is_entered(span)) {
		span->state = SPAN_NONE;
		return;
	}
	if (span->state == SPAN_BUSY)
		span->state = SPAN_DIRTY;
	idle_adopt(span);
}

static void adopt(struct span *span)
{
	switch (span->state) {
	case SPAN_CLEAN:
	case SPAN_DIRTY:
	case SPAN_BUSY:
		adopt_free_run(span);
		break;
	case SPAN_SMALL:
		if (span->class && sizeclass_exists(span->class) && is_entered(span))
			central_adopt(span);
		break;
	case SPAN_HUGE:
		if (span->huge.start)
			huge_adopt(span);
		break;
	default:
		break;
	}
}

void rebuild_all(void)
{
	area_reset();
	meta_reset();
	huge_reset();
	idle_reset();
	central_reset();
	for (uint32_t i = 1; i < heap_published.n_spans; i++)
		adopt(span_at(i));
	span_reset();
	/* it was entered as free */
	if (threadcache_self->kept)
		threadcache_self->kept = 0;
	pageheap_reset();
}
