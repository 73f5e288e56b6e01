/* SPDX-License-Identifier: MIT */
/*
 * pagemap.c: the arrays by page number, and the root that a tool starts from.
 *
 * Two arrays: a byte with the size class, which is all that a free needs, so that 64 pages share a
 * cache line; and the index of the span, for slower paths. Both grow in step with the range, ahead of
 * it: an offset below root.used can be looked up, holes included, where both say 0.
 */
#include "heap/pagemap.h"

#include "heap/area.h"
#include "heap/central.h"
#include "heap/os.h"

/*
 * Bytes of the first page that the classes of pages leave out. Programs that touch each page of large blocks do so at
 * its beginning mostly: all these lines meet in a few sets of the processor's first cache, and push others out.
 */
#define SKIP     1536u
/* The range grows by an eighth, within these bounds, so that system calls and page tables stay few. */
#define STEP_MIN (1ul << 20)
#define STEP_MAX (64ul << 20)

struct heap_root heap_published = {
	.magic = HEAP_MAGIC,
	.version = HEAP_VERSION,
	.root_size = sizeof(struct heap_root),
	.n_spans = 1,
	.span_size = sizeof(struct span),
	.classes = (uintptr_t)sizeclass_table,
	.centrals = (uintptr_t)central_table,
	.page_shift = HEAP_PAGE_SHIFT,
	.n_classes = SIZECLASS_N,
	.tagged = SIZECLASS_TAGGED,
	.class_size = sizeof(struct sizeclass),
	.central_size = sizeof(struct central),
	.cache_size = sizeof(struct threadcache),
	.bins_offset = offsetof(struct threadcache, bins),
	.bin_size = sizeof(struct threadcache_bin),
	.list_size = sizeof(struct threadcache_list),
};

bool pagemap_init(void)
{
	if (likely(__atomic_load_n(&heap_published.base, __ATOMIC_ACQUIRE)))
		return true;
	if (!area_init())
		return false;
	/* whoever comes second stores the same */
	heap_published.class_of = (uintptr_t)area_start(AREA_CLASS_OF) + SKIP;
	heap_published.span_of = (uintptr_t)area_start(AREA_SPAN_OF);
	heap_published.spans = (uintptr_t)area_start(AREA_SPANS);
	heap_published.tags = (uintptr_t)area_start(AREA_META);
	heap_published.capacity = area_capacity(AREA_PAGES);
	__atomic_store_n(&heap_published.base, (uintptr_t)area_start(AREA_PAGES), __ATOMIC_RELEASE);
	return true;
}

/* Makes the tables long enough for size bytes of pages. */
static bool extend_tables(size_t size)
{
	const size_t n_pages = size >> HEAP_PAGE_SHIFT;

	return area_grow(AREA_CLASS_OF, SKIP + n_pages) &&
	       area_grow(AREA_SPAN_OF, n_pages * sizeof(uint32_t)) && span_reserve(n_pages);
}

static bool extend(size_t size, uint32_t *ret_page, size_t *ret_n_pages)
{
	size_t offset;

	/* page 0 stays out; a hole makes the new part end higher than is foreseen here */
	if (!extend_tables(MAX(heap_published.used, HEAP_PAGE) + size))
		return false;
	offset = area_extend_pages(size);
	if (!offset || !extend_tables(offset + size))
		return false;
	*ret_page = (uint32_t)(offset >> HEAP_PAGE_SHIFT);
	*ret_n_pages = size >> HEAP_PAGE_SHIFT;
	__atomic_store_n(&heap_published.used, offset + size, __ATOMIC_RELEASE);
	return true;
}

bool pagemap_extend(size_t n_pages, uint32_t *ret_page, size_t *ret_n_pages)
{
	const size_t need = n_pages << HEAP_PAGE_SHIFT;
	size_t step = ALIGN_DOWN(heap_published.used / 8, STEP_MIN);

	if (n_pages > heap_published.capacity >> HEAP_PAGE_SHIFT)
		return false;
	step = MIN(MAX(step, STEP_MIN), STEP_MAX);
	if (step > need && extend(step, ret_page, ret_n_pages))
		return true;
	return extend(need, ret_page, ret_n_pages);
}

void pagemap_set_class(const struct span *span, unsigned class)
{
	uint8_t *class_of = (uint8_t *)heap_published.class_of;
	uint32_t index = span_index(span);

	if (sizeclass_is_tagged(class))
		class = 0;
	for (uint32_t page = span->page; page < span->page + span->n_pages; page++) {
		__atomic_store_n(pagemap_slot(page), index, __ATOMIC_RELAXED);
		__atomic_store_n(&class_of[page], (uint8_t) class, __ATOMIC_RELAXED);
	}
}

void pagemap_clear_class(const struct span *span)
{
	uint8_t *class_of = (uint8_t *)heap_published.class_of;

	for (uint32_t page = span->page; page < span->page + span->n_pages; page++)
		__atomic_store_n(&class_of[page], 0, __ATOMIC_RELAXED);
}
