/* SPDX-License-Identifier: MIT */
/* central-spans.c: see central-spans.h. */
#include "heap/central-spans.h"

#include "heap/meta.h"
#include "heap/pageheap.h"
#include "heap/pagemap.h"
#include "heap/partial.h"
#include "heap/span.h"

struct span *central_new_span(struct central *central, unsigned class)
{
	const struct sizeclass *sizeclass = sizeclass_get(class);
	uint32_t *tags = NULL;
	struct span *span;

	if (sizeclass_is_tagged(class)) {
		tags = meta_alloc(sizeclass->n_blocks * sizeof(*tags));
		if (!tags)
			return NULL;
	}
	span = pageheap_alloc(&(struct pageheap_request){.n_pages = sizeclass->n_pages,
							 .align = 1,
							 .state = SPAN_SMALL},
			      NULL);
	if (!span) {
		if (tags)
			meta_free(tags, sizeclass->n_blocks * sizeof(*tags));
		return NULL;
	}
	span->tags = tags ? meta_handle(tags) : 0;
	span->n_free = sizeclass->n_blocks;
	span->list = 0;
	span->shift = span_has_shift(sizeclass) ? span_choose_shift(span) : 0;
	span->n_trimmed = 0;
	span_fill(span, sizeclass->n_blocks);
	/* from here on a child that was forked behind our back takes it for one of the class: rebuild.c */
	__atomic_store_n(&span->class, (uint8_t) class, __ATOMIC_RELEASE);
	pagemap_set_class(span, class);
	central->n_spans++;
	central->n_made++;
	partial_count(central, sizeclass->n_blocks);
	central->n_free += sizeclass->n_blocks;
	partial_settle(central, span, sizeclass->n_blocks);
	return span;
}

void central_free_spans(uint32_t empties)
{
	while (empties) {
		struct span *span = span_at(empties);
		size_t n_blocks;

		empties = span->next;
		n_blocks = sizeclass_get(span->class)->n_blocks;
		/* before what belongs to it goes, it is of no class any more */
		__atomic_store_n(&span->class, 0, __ATOMIC_SEQ_CST);
		if (span->tags)
			meta_free(span_tag(span, 0), n_blocks * sizeof(uint32_t));
		pageheap_free(span);
	}
}
