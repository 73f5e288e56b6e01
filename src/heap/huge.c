/* SPDX-License-Identifier: MIT */
/*
 * huge.c: a hash table of spans by address. It has a fixed number of chains: the kernel's limit on
 * mappings keeps them short. Every free of a foreign pointer ends in a look-up here, but huge blocks
 * begin at pages, so nearly all of those are answered without the lock.
 *
 * The addresses of the last blocks that were freed are kept: another free of one would be taken for that of
 * a foreign block, and whoever gets it next would read memory that is gone.
 */
#include "heap/huge.h"

#include <string.h>

#include "heap/os.h"
#include "heap/pagemap.h"

#define CHAINS 2048u
#define FORMER 64u

static struct {
	struct lock lock;
	uint32_t chains[CHAINS];
	uintptr_t former[FORMER]; /* starts of freed blocks, a ring */
	unsigned n_former;
} table;

static uint32_t *chain_of(uintptr_t start)
{
	return &table.chains[((start >> HEAP_PAGE_SHIFT) * 0x9e3779b97f4a7c15ull) >> 53];
}

static void enter(struct span *span, uintptr_t start, size_t size)
{
	span->huge.start = start;
	span->huge.size = size;
	lock_take(&table.lock);
	span_push(chain_of(start), span);
	__atomic_store_n(&heap_published.n_huge, heap_published.n_huge + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&heap_published.huge_bytes, heap_published.huge_bytes + size,
			 __ATOMIC_RELAXED);
	lock_drop(&table.lock);
}

static void leave(struct span *span)
{
	lock_take(&table.lock);
	span_unlink(chain_of(span->huge.start), span);
	__atomic_store_n(&heap_published.n_huge, heap_published.n_huge - 1, __ATOMIC_RELAXED);
	__atomic_store_n(&heap_published.huge_bytes, heap_published.huge_bytes - span->huge.size,
			 __ATOMIC_RELAXED);
	lock_drop(&table.lock);
}

/* A mapping whose start is aligned; the ends that are too much are unmapped. */
static uintptr_t map_aligned(size_t size, size_t align)
{
	uintptr_t start, aligned;
	size_t head, tail;

	if (align <= HEAP_PAGE)
		return (uintptr_t)os_map(size);
	if (size + align < size)
		return 0;
	start = (uintptr_t)os_map(size + align);
	if (!start)
		return 0;
	aligned = ALIGN_UP(start, align);
	head = aligned - start;
	tail = align - head;
	if (head)
		os_unmap((void *)start, head);
	if (tail)
		os_unmap((void *)(aligned + size), tail);
	return aligned;
}

struct span *huge_alloc(size_t size, size_t align)
{
	const size_t rounded = ALIGN_UP(size, HEAP_PAGE);
	struct span *span;
	uintptr_t start;

	if (rounded < size || !pagemap_init())
		return NULL;
	span = span_new();
	if (!span)
		return NULL;
	start = map_aligned(rounded, align);
	if (!start) {
		(void)span_free(span);
		return NULL;
	}
	span->state = SPAN_HUGE;
	span->tag = 0;
	enter(span, start, rounded);
	return span;
}

struct span *huge_find(const void *address)
{
	const uintptr_t start = (uintptr_t)address;
	struct span *found = NULL;

	if (start % HEAP_PAGE || !__atomic_load_n(&heap_published.n_huge, __ATOMIC_RELAXED))
		return NULL;
	lock_take(&table.lock);
	for (uint32_t i = *chain_of(start); i && !found; i = span_at(i)->next)
		if (span_at(i)->huge.start == start)
			found = span_at(i);
	lock_drop(&table.lock);
	return found;
}

void huge_free(struct span *span)
{
	const uintptr_t start = span->huge.start;
	const size_t size = span->huge.size;

	leave(span);
	lock_take(&table.lock);
	table.former[table.n_former++ % FORMER] = start;
	lock_drop(&table.lock);
	(void)span_free(span);
	os_unmap((void *)start, size);
}

bool huge_was_freed(const void *address)
{
	const uintptr_t start = (uintptr_t)address;
	bool found = false;

	if (start % HEAP_PAGE || !start)
		return false;
	lock_take(&table.lock);
	for (unsigned i = 0; i < FORMER && !found; i++)
		found = table.former[i] == start;
	lock_drop(&table.lock);
	return found && !os_is_mapped(start);
}

bool huge_resize(struct span *span, size_t size)
{
	const size_t rounded = ALIGN_UP(size, HEAP_PAGE);
	void *start;

	if (rounded < size)
		return false;
	if (rounded == span->huge.size)
		return true;
	/* out of the table first: once it has moved, the old address may be somebody else's */
	leave(span);
	start = os_remap((void *)span->huge.start, span->huge.size, rounded);
	enter(span, start ? (uintptr_t)start : span->huge.start, start ? rounded : span->huge.size);
	return start;
}

void huge_reset(void)
{
	memset(table.chains, 0, sizeof(table.chains));
	heap_published.n_huge = 0;
	heap_published.huge_bytes = 0;
}

void huge_adopt(struct span *span)
{
	enter(span, span->huge.start, span->huge.size);
}

struct lock *huge_lock(void)
{
	return &table.lock;
}
