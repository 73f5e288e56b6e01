/* SPDX-License-Identifier: MIT */
/* zero.h: zeroing blocks of many pages. */
#ifndef HEAP_ZERO_H
#define HEAP_ZERO_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroes a block of whole pages that was used before, size bytes of it. Pages that nobody has stay so. */
void zero_pages(void *block, size_t size);

/* heap_set_confined was called: the kernel is not asked what is resident. */
extern bool zero_is_confined;

#endif
