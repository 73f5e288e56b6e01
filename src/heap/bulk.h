/* SPDX-License-Identifier: MIT */
/*
 * bulk.h: filling and copying whole blocks, which are aligned to 16 bytes at both ends, so that there is
 * no head and no tail to care for. libc's own functions do not reach into an agent that defines memset
 * and memcpy for its freestanding part, and those are written to be small.
 */
#ifndef HEAP_BULK_H
#define HEAP_BULK_H

#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"
#include "heap/os.h"

/* From here on the processor's own string instructions, where it has such, are ahead of a loop. */
#define BULK_STRING_MIN 1024u

/* Keeps the compiler from seeing memset or memcpy in a loop and calling them instead. */
#define BULK_LOOP(to) __asm__("" : "+r"(to))

typedef uint64_t bulk_unit __attribute__((vector_size(16), may_alias));

/* Zeroes size bytes, rounded up to 16. */
static inline void bulk_zero(void *block, size_t size)
{
	bulk_unit *to = block;
	const size_t n = (size + 15) / 16;
	bulk_unit *const end = to + n;

	if (n - 1 < 4) {
		/* 1 to 4 units, without a question how many */
		to[0] = to[(n - 1) / 2] = to[n / 2] = to[n - 1] = (bulk_unit){0};
		return;
	}
	if (size >= BULK_STRING_MIN && os_string_zero(block, ALIGN_UP(size, 16)))
		return;
	for (; end - to >= 4; to += 4) {
		to[0] = (bulk_unit){0};
		to[1] = (bulk_unit){0};
		to[2] = (bulk_unit){0};
		to[3] = (bulk_unit){0};
		BULK_LOOP(to);
	}
	for (; to < end; to++) {
		*to = (bulk_unit){0};
		BULK_LOOP(to);
	}
}

/* Copies size bytes, rounded up to 16, between blocks that do not overlap. */
static inline void bulk_copy(void *block, const void *source, size_t size)
{
	bulk_unit *to = block;
	bulk_unit *const end = to + (size + 15) / 16;
	const bulk_unit *from = source;

	if (size >= BULK_STRING_MIN && os_string_copy(block, source, ALIGN_UP(size, 16)))
		return;
	for (; end - to >= 2; to += 2, from += 2) {
		bulk_unit first = from[0], second = from[1];

		to[0] = first;
		to[1] = second;
		BULK_LOOP(to);
	}
	for (; to < end; to++, from++) {
		*to = *from;
		BULK_LOOP(to);
	}
}

#endif
