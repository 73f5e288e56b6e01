/* SPDX-License-Identifier: MIT */
/* block.c: look-ups of blocks, with all the checks that metadata allows. */
#include "heap/block.h"

#include "heap/hooks.h"
#include "heap/huge.h"
#include "heap/pagemap.h"

static void find_small(const void *address, unsigned class, struct span *span, struct block *ret)
{
	const struct sizeclass *sizeclass = sizeclass_get(class);
	const size_t inside = (uintptr_t)address - span_start(span);
	const unsigned index = sizeclass_index(sizeclass, inside);

	if ((size_t)index * sizeclass->size != inside || index >= sizeclass->n_blocks)
		hooks_corruption(HEAP_ERROR_MISALIGNED, address);
	ret->span = span;
	ret->class = class;
	ret->size = sizeclass->size;
	ret->tag = sizeclass_is_tagged(class) ? span_tag(span, index) : NULL;
}

static void find_large(const void *address, struct span *span, struct block *ret)
{
	if (!span || span->state != SPAN_LARGE)
		hooks_corruption(HEAP_ERROR_DOUBLE_FREE, address);
	if (span_start(span) != (uintptr_t)address)
		hooks_corruption(HEAP_ERROR_MISALIGNED, address);
	ret->span = span;
	ret->class = 0;
	ret->size = span_size(span);
	ret->tag = &span->tag;
}

bool block_find(const void *address, struct block *ret)
{
	const size_t offset = pagemap_offset(address);
	struct span *span;

	if (likely(pagemap_has(offset))) {
		const unsigned class = pagemap_class(offset);

		/* a hole holds mappings of others */
		if (!class && !*pagemap_slot(offset >> HEAP_PAGE_SHIFT))
			return false;
		span = pagemap_span(offset >> HEAP_PAGE_SHIFT);
		if (!class)
			find_large(address, span, ret);
		else if (span)
			find_small(address, class, span, ret);
		else
			hooks_corruption(HEAP_ERROR_CORRUPT, address);
		return true;
	}
	span = huge_find(address);
	if (!span)
		return false;
	ret->span = span;
	ret->class = 0;
	ret->size = span->huge.size;
	ret->tag = &span->tag;
	return true;
}
