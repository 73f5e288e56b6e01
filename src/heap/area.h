/* SPDX-License-Identifier: MIT */
/*
 * area.h: the five stretches of address space that the heap grows in: its pages and its metadata.
 *
 * Each grows upwards from a fixed start that is chosen when the first block is allocated. Their order
 * in memory and sizes are decided in area.c. The caller of area_grow holds a lock that belongs to the
 * area.
 */
#ifndef HEAP_AREA_H
#define HEAP_AREA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/lock.h"

enum area_name {
	AREA_PAGES,    /* what is handed out */
	AREA_CLASS_OF, /* a byte a page */
	AREA_SPAN_OF,  /* four bytes a page */
	AREA_SPANS,    /* struct span */
	AREA_META,     /* tags, thread caches */
	AREA_N,
};

/* Chooses the places, once; false if no address space can be had. Any thread, idempotent. */
bool area_init(void);

/* NULL before area_init. */
void *area_start(enum area_name name);

/* Bytes that the area can grow to. */
size_t area_capacity(enum area_name name);

/*
 * Makes the first size bytes of a metadata area usable; they are zero until written. False if memory
 * or the area is at its end.
 */
bool area_grow(enum area_name name, size_t size);

/*
 * Adds size bytes (whole pages) to AREA_PAGES. Where foreign mappings are in the way it leaves a hole.
 * Returns the offset of the new part from the area's start, 0 if there is no memory (offset 0 is never
 * given out).
 */
size_t area_extend_pages(size_t size);

/* For rebuild.c: what was mapped and not noted yet counts as mapped. */
void area_reset(void);

/* For fork.c. */
struct lock *area_lock(void);

#endif
