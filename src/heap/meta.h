/* SPDX-License-Identifier: MIT */
/*
 * meta.h: memory for the heap's own records that are not in arrays by page: tags and thread caches.
 * Pieces are zeroed, aligned to 64 bytes, at most META_MAX bytes, and never given back to the kernel.
 */
#ifndef HEAP_META_H
#define HEAP_META_H

#include <stddef.h>
#include <stdint.h>

#include "heap/lock.h"

#define META_UNIT 64u
#define META_MAX  4096u

/* NULL if there is no memory. */
void *meta_alloc(size_t size);
/* size as it was asked for */
void meta_free(void *piece, size_t size);

/* A piece as a number of 32 bits, not 0. */
uint32_t meta_handle(const void *piece);

/* Bytes ever handed out. */
size_t meta_used(void);

/* For rebuild.c: pieces that were free are lost. */
void meta_reset(void);

/* For fork.c. */
struct lock *meta_lock(void);

#endif
