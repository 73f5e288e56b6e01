/* SPDX-License-Identifier: MIT */
/*
 * span.h: the table of runs of pages. A span is named by its index there, which takes half the space of
 * a pointer and can be followed from outside. Entry 0 is nobody.
 */
#ifndef HEAP_SPAN_H
#define HEAP_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "heap/published.h"

/*
 * Makes room for n spans, one for each page of the range, so that free memory can always be split: a
 * process that has used up its limit can get no more for the table.
 */
bool span_reserve(size_t n);

/* An unused entry, state SPAN_NONE, everything else unset; NULL if there is no memory. */
struct span *span_new(void);
struct span *span_free(struct span *span);

static _always_inline_ struct span *span_at(uint32_t index)
{
	return (struct span *)heap_published.spans + index;
}

static _always_inline_ uint32_t span_index(const struct span *span)
{
	return (uint32_t)(span - (const struct span *)heap_published.spans);
}

/* A span's first byte; not for huge ones. */
static _always_inline_ uintptr_t span_start(const struct span *span)
{
	return heap_published.base + ((uintptr_t)span->page << HEAP_PAGE_SHIFT);
}

static _always_inline_ size_t span_size(const struct span *span)
{
	return (size_t)span->n_pages << HEAP_PAGE_SHIFT;
}

/* Pages that hold size bytes. */
static _always_inline_ size_t span_pages(size_t size)
{
	return (size + HEAP_PAGE - 1) >> HEAP_PAGE_SHIFT;
}

/*
 * Where a span's blocks begin. Those that are alone, of a large span or of a small one with room for it, are at
 * different cache lines of their first pages. If all began with a page, what programs have at the same place
 * of several of them, a header or an element, would share a few sets of the processor's caches. Spans that
 * are made one after the other get all of them in turn.
 */
#define SPAN_SHIFTS    16u
#define SPAN_SHIFT_MAX ((SPAN_SHIFTS - 1) * SPAN_SHIFT) /* bytes */

/* Whether there is room for that in the spans of a class. */
static inline bool span_has_shift(const struct sizeclass *sizeclass)
{
	return sizeclass->n_blocks == 1 &&
	       sizeclass->n_pages * HEAP_PAGE - sizeclass->size >= SPAN_SHIFT_MAX;
}

/* For struct span's field. */
static _always_inline_ uint8_t span_choose_shift(const struct span *span)
{
	return (uint8_t)(span_index(span) % SPAN_SHIFTS);
}

/* Its first block. */
static _always_inline_ uintptr_t span_block(const struct span *span)
{
	return span_start(span) + (uintptr_t)span->shift * SPAN_SHIFT;
}

/* Bytes that the block of a large span may use. */
static _always_inline_ size_t span_room(const struct span *span)
{
	return span_size(span) - (size_t)span->shift * SPAN_SHIFT;
}

/* Whether it has blocks of the class: one comparison of both fields. */
static _always_inline_ bool span_is_of(const struct span *span, unsigned class)
{
	uint16_t kind;

	memcpy(&kind, (const char *)span + offsetof(struct span, state), sizeof(kind));
	return kind == (uint16_t)(SPAN_SMALL | class << 8);
}
_Static_assert(offsetof(struct span, class) == offsetof(struct span, state) + 1 &&
		       __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "the class is the upper half");

/* Doubly linked lists of spans through next and prev; head is the first one's index. */
static inline void span_push(uint32_t *head, struct span *span)
{
	span->prev = 0;
	span->next = *head;
	if (*head)
		span_at(*head)->prev = span_index(span);
	*head = span_index(span);
}

static inline void span_unlink(uint32_t *head, struct span *span)
{
	if (span->prev)
		span_at(span->prev)->next = span->next;
	else
		*head = span->next;
	if (span->next)
		span_at(span->next)->prev = span->prev;
}

/* Sets a block's bit; false if it was set. n_free is the caller's. */
static _always_inline_ bool span_mark(struct span *span, unsigned index)
{
	const uint64_t word = span->free[index / 64];

	if (unlikely(word >> (index % 64) & 1))
		return false;
	span->free[index / 64] = word | 1ull << (index % 64);
	return true;
}

/* Makes all blocks of a small span free: sets the first n bits. */
void span_fill(struct span *span, unsigned n);

/*
 * Takes up to n free blocks of size bytes, lowest first, and links them: each one's address is stored
 * where the one before has its first word, the first one's at link. Returns where the next one's goes.
 * Writes nothing to the last block.
 */
void **span_take(struct span *span, unsigned n, uint32_t size, void **link);

/* Free blocks of one span: bit i % 64 of word i / 64 is the one i sizes behind start. */
struct span_pick {
	uintptr_t start;
	uint64_t bits[SPAN_BITMAP_WORDS];
};

/* Takes up to n free blocks as they are, lowest first. Returns how many. */
unsigned span_pick(struct span *span, unsigned n, struct span_pick *ret);

/* Gives such back; start may be that of a word further on. Returns how many. */
unsigned span_unpick(struct span *span, const struct span_pick *pick, uint32_t size);

/* Takes the lowest free block; NULL if there is none. */
void *span_take_one(struct span *span, uint32_t size);

/* Where a block's tag is: span is small and of a class with tags. */
static inline uint32_t *span_tag(const struct span *span, unsigned index)
{
	return (uint32_t *)(heap_published.tags + (uintptr_t)span->tags * 16) + index;
}

/*
 * Gives the pages that hold nothing but free blocks of a small span to the kernel. False if there are
 * none, or no more than the last time.
 */
bool span_discard(struct span *span, const struct sizeclass *sizeclass);

/* For rebuild.c: the unused entries are those of SPAN_NONE. */
void span_reset(void);

/* For fork.c. */
struct lock *span_lock(void);

#endif
