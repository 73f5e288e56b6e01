/* SPDX-License-Identifier: MIT */
/* block.c: look-ups of blocks, with all the checks that metadata allows. */
#include "heap/block.h"

#include "heap/hooks.h"
#include "heap/huge.h"
#include "heap/pagemap.h"

static void find_small(const void *address, struct span *span, struct block *ret)
{
	const struct sizeclass *sizeclass = sizeclass_get(span->class);
	const size_t inside = (uintptr_t)address - span_block(span);
	const unsigned index = sizeclass_index(sizeclass, inside);

	if ((size_t)index * sizeclass->size != inside || index >= sizeclass->n_blocks)
		hooks_corruption(HEAP_ERROR_MISALIGNED, address);
	ret->class = span->class;
	ret->size = sizeclass->size;
	ret->tag = sizeclass_is_tagged(span->class) ? span_tag(span, index) : NULL;
}

static void find_large(const void *address, struct span *span, struct block *ret)
{
	if (span_block(span) != (uintptr_t)address)
		hooks_corruption(HEAP_ERROR_MISALIGNED, address);
	ret->class = 0;
	ret->size = span_room(span);
	ret->tag = &span->tag;
}

bool block_find(const void *address, struct block *ret)
{
	const size_t offset = pagemap_offset(address);
	const size_t page = offset >> HEAP_PAGE_SHIFT;
	struct span *span;

	if (!pagemap_has(offset)) {
		span = huge_find(address);
		if (!span)
			return false;
		*ret = (struct block){.span = span, .tag = &span->tag, .size = span->huge.size};
		return true;
	}
	/* a hole holds mappings of others */
	if (!*pagemap_slot(page))
		return false;
	span = pagemap_span(page);
	ret->span = span;
	if (span && span->state == SPAN_SMALL)
		find_small(address, span, ret);
	else if (span && span->state == SPAN_LARGE)
		find_large(address, span, ret);
	else
		hooks_corruption(HEAP_ERROR_DOUBLE_FREE, address);
	return true;
}
