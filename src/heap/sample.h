/* SPDX-License-Identifier: MIT */
/* sample.h: which allocations are reported to the hooks, and the tags of those that were. */
#ifndef HEAP_SAMPLE_H
#define HEAP_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/threadcache.h"

/* Counts size bytes (not 0) down. True if the block has to be reported, when nothing was counted. */
bool sample_count(struct threadcache *cache, size_t size);

/* Reports a block, stores its tag, and sets the thread's next countdown. The cache is entered. */
void sample_allocated(struct threadcache *cache, void *block, size_t size, uint32_t *tag);

/* Reports that a block is about to be freed, if it has a tag, and takes the tag away. */
void sample_freed(const void *block, uint32_t *tag);

#endif
