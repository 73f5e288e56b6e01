/* SPDX-License-Identifier: MIT */
/*
 * span.c: the table of spans, and which blocks of a small one are free.
 *
 * Free blocks are bits in the span, not links in the blocks. So a fresh span is not touched until its
 * blocks are handed out, lowest address first; freeing twice finds the bit set; a tool sees occupancy
 * without reading the program's memory; and blocks that were freed in any order are handed out again in
 * the order of memory.
 */
#include "heap/span.h"

#include "heap/area.h"
#include "heap/os.h"

#define AHEAD 32u /* blocks */
#define EXTRA 64u /* huge blocks, and the nobody of index 0 */

static struct {
	struct lock lock;
	uint32_t free; /* list of unused entries, by next */
} table;

bool span_reserve(size_t n)
{
	bool ok;

	lock_take(&table.lock);
	ok = area_grow(AREA_SPANS, (n + EXTRA) * sizeof(struct span));
	lock_drop(&table.lock);
	return ok;
}

struct span *span_new(void)
{
	struct span *span = NULL;
	uint32_t n;

	lock_take(&table.lock);
	n = MAX(heap_published.n_spans, 1);
	if (table.free) {
		span = span_at(table.free);
		table.free = span->next;
		*span = (struct span){0};
	} else if (area_grow(AREA_SPANS, ((size_t)n + 1) * sizeof(struct span))) {
		span = span_at(n);
		/* pairs with whoever reads the table from outside */
		__atomic_store_n(&heap_published.n_spans, n + 1, __ATOMIC_RELEASE);
	}
	lock_drop(&table.lock);
	return span;
}

struct span *span_free(struct span *span)
{
	lock_take(&table.lock);
	span->state = SPAN_NONE;
	span->next = table.free;
	table.free = span_index(span);
	lock_drop(&table.lock);
	return NULL;
}

void span_fill(struct span *span, unsigned n)
{
	for (unsigned i = 0; i < SPAN_BITMAP_WORDS; i++, n -= MIN(n, 64))
		span->free[i] = n >= 64 ? ~0ull : (1ull << n) - 1;
}

/*
 * Links n blocks that lie side by side, the first of them at start. What was freed long ago is not in the
 * processor's cache, and stores that wait for memory soon fill its buffer: so blocks that are likely to be
 * taken next are fetched meanwhile.
 */
static _always_inline_ void **link_run(void **link, uintptr_t start, unsigned n, uint32_t size)
{
	for (uintptr_t block = start; n; n--, block += size) {
		__builtin_prefetch((void *)(block + AHEAD * size), 1);
		*link = (void *)block;
		link = (void **)block;
	}
	return link;
}

/* How many bits are set if they are one run, else 0. */
static _always_inline_ unsigned run_in(uint64_t bits)
{
	const uint64_t end = bits + (bits & -bits);

	if (!bits || bits & end)
		return 0;
	return (end ? (unsigned)__builtin_ctzll(end) : 64) - (unsigned)__builtin_ctzll(bits);
}

void **span_take(struct span *span, unsigned n, uint32_t size, void **link)
{
	const uintptr_t start = span_block(span);
	unsigned left = n;

	for (unsigned word = 0; word < SPAN_BITMAP_WORDS && left; word++) {
		uint64_t bits = span->free[word];
		const unsigned run = MIN(run_in(bits), left);

		/* mostly: of a span that was free as a whole */
		if (run) {
			const unsigned first = (unsigned)__builtin_ctzll(bits);

			link = link_run(link, start + (uintptr_t)(word * 64 + first) * size, run,
					size);
			bits &= ~(~0ull >> (64 - run) << first);
			left -= run;
		}
		for (; bits && left; bits &= bits - 1, left--) {
			unsigned index = word * 64 + (unsigned)__builtin_ctzll(bits);

			*link = (void *)(start + (uintptr_t)index * size);
			link = *link;
		}
		span->free[word] = bits;
	}
	span->n_free = (uint16_t)(span->n_free - (n - left));
	span->n_trimmed = 0;
	return link;
}

/* The n lowest of the bits that are set. */
static uint64_t lowest(uint64_t bits, unsigned n)
{
	uint64_t rest = bits;

	for (; n; n--)
		rest &= rest - 1;
	return bits ^ rest;
}

unsigned span_pick(struct span *span, unsigned n, struct span_pick *ret)
{
	unsigned left = n;

	ret->start = span_block(span);
	for (unsigned word = 0; word < SPAN_BITMAP_WORDS; word++) {
		const uint64_t bits = span->free[word];
		const unsigned n_bits = (unsigned)__builtin_popcountll(bits);

		ret->bits[word] = n_bits <= left ? bits : lowest(bits, left);
		span->free[word] = bits ^ ret->bits[word];
		left -= MIN(n_bits, left);
	}
	span->n_free = (uint16_t)(span->n_free - (n - left));
	span->n_trimmed = 0;
	return n - left;
}

unsigned span_unpick(struct span *span, const struct span_pick *pick, uint32_t size)
{
	const unsigned first = (unsigned)((pick->start - span_block(span)) / (64ul * size));
	unsigned n = 0;

	for (unsigned word = first; word < SPAN_BITMAP_WORDS; word++) {
		span->free[word] |= pick->bits[word - first];
		n += (unsigned)__builtin_popcountll(pick->bits[word - first]);
	}
	span->n_free = (uint16_t)(span->n_free + n);
	return n;
}

void *span_take_one(struct span *span, uint32_t size)
{
	for (unsigned word = 0; word < SPAN_BITMAP_WORDS; word++) {
		const uint64_t bits = span->free[word];

		if (!bits)
			continue;
		span->free[word] = bits & (bits - 1);
		span->n_free--;
		span->n_trimmed = 0;
		return (void *)(span_block(span) +
				(uintptr_t)(word * 64 + (unsigned)__builtin_ctzll(bits)) * size);
	}
	return NULL;
}

/* The first block from i on that is free, or not; n_blocks if there is none. */
static unsigned next_block(const struct span *span, unsigned i, bool is_free, unsigned n_blocks)
{
	while (i < n_blocks) {
		const uint64_t bits = is_free ? span->free[i / 64] : ~span->free[i / 64];
		const uint64_t rest = bits >> (i % 64);

		if (rest)
			return MIN(i + (unsigned)__builtin_ctzll(rest), n_blocks);
		i = ALIGN_DOWN(i, 64) + 64;
	}
	return n_blocks;
}

bool span_discard(struct span *span, const struct sizeclass *sizeclass)
{
	const uintptr_t start = span_block(span);
	const unsigned n_blocks = sizeclass->n_blocks;
	bool any = false;
	unsigned end;

	if (span->n_free <= span->n_trimmed)
		return false;
	for (unsigned i = next_block(span, 0, true, n_blocks); i < n_blocks;
	     i = next_block(span, end, true, n_blocks)) {
		uintptr_t first, last;

		end = next_block(span, i, false, n_blocks);
		first = ALIGN_UP(start + (uintptr_t)i * sizeclass->size, HEAP_PAGE);
		last = ALIGN_DOWN(start + (uintptr_t)end * sizeclass->size, HEAP_PAGE);
		if (first < last)
			any |= os_discard(first, last - first) == 0;
	}
	span->n_trimmed = span->n_free;
	return any;
}

void span_reset(void)
{
	table.free = 0;
	for (uint32_t i = heap_published.n_spans; i-- > 1;) {
		struct span *span = span_at(i);

		if (span->state != SPAN_NONE)
			continue;
		if (span->next != table.free)
			span->next = table.free;
		table.free = i;
	}
}

struct lock *span_lock(void)
{
	return &table.lock;
}
