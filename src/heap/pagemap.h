/* SPDX-License-Identifier: MIT */
/*
 * pagemap.h: from an address to what is there. Look-ups take no lock: an entry about a block does not
 * change while the block is in use.
 *
 * "Is it ours" is one comparison of the address's offset with the range's size. It does not cover huge
 * blocks, which have mappings of their own (huge.h).
 */
#ifndef HEAP_PAGEMAP_H
#define HEAP_PAGEMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/published.h"
#include "heap/span.h"

/* Sets the tables up, once; false if there is no address space. */
bool pagemap_init(void);

/*
 * Adds at least n_pages to the range, page heap's lock held. Returns the first and how many; false if
 * there is no memory.
 */
bool pagemap_extend(size_t n_pages, uint32_t *ret_page, size_t *ret_n_pages);

/* The address's distance from the start of the range, and whether it is in the range. */
static _always_inline_ size_t pagemap_offset(const void *address)
{
	return (uintptr_t)address - heap_published.base;
}

static _always_inline_ bool pagemap_has(size_t offset)
{
	/* before the first block the range is empty; stores in pagemap_extend come before use */
	return offset < __atomic_load_n(&heap_published.used, __ATOMIC_RELAXED);
}

/*
 * The size class of the blocks at an offset in the range, 0 if there are no small blocks, or such with
 * tags: what 0 stands for needs a look at the span.
 */
static _always_inline_ unsigned pagemap_class(size_t offset)
{
	const uint8_t *class_of = (const uint8_t *)heap_published.class_of;

	return __atomic_load_n(&class_of[offset >> HEAP_PAGE_SHIFT], __ATOMIC_RELAXED);
}

static _always_inline_ uint32_t *pagemap_slot(size_t page)
{
	return (uint32_t *)heap_published.span_of + page;
}

/*
 * The span that holds a page, NULL if none does. Entries of inner pages are only kept for small spans:
 * the answer for others is right for their first and last page.
 */
static _always_inline_ struct span *pagemap_span(size_t page)
{
	uint32_t index = __atomic_load_n(pagemap_slot(page), __ATOMIC_RELAXED);
	struct span *span = span_at(index);

	return index && page - span->page < span->n_pages ? span : NULL;
}

/* Enters a span at its first and last page. */
static _always_inline_ void pagemap_set_ends(const struct span *span)
{
	uint32_t index = span_index(span);

	__atomic_store_n(pagemap_slot(span->page), index, __ATOMIC_RELAXED);
	__atomic_store_n(pagemap_slot(span->page + span->n_pages - 1), index, __ATOMIC_RELAXED);
}

/* Enters a small span at all its pages, with its class if that has no tags; and takes it away again. */
void pagemap_set_class(const struct span *span, unsigned class);
void pagemap_clear_class(const struct span *span);

#endif
