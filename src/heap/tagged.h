/* SPDX-License-Identifier: MIT */
/*
 * tagged.h: a thread's own free blocks of the classes with tags.
 *
 * A cache has none of this until its thread is given a block with a tag. Where everything is recorded all
 * small blocks are such.
 */
#ifndef HEAP_TAGGED_H
#define HEAP_TAGGED_H

#include <stdbool.h>
#include <stdint.h>

#include "heap/threadcache.h"

/* The tag of a block that is free. Hooks do not return it. */
#define TAGGED_FREE UINT32_MAX

/* A block of the class with tags of that size; its tag is 0. class is the one without. NULL if no memory. */
void *tagged_take(struct threadcache *cache, unsigned class, uint32_t **ret_tag);
/* Takes it back; class is the one with tags. cache may be NULL. */
void tagged_give(struct threadcache *cache, unsigned class, void *block, uint32_t *tag);

/* Private to tagged_settle. */
void tagged_leave_all(struct threadcache *cache);

/* All of it goes to the central lists. */
void tagged_flush(struct threadcache *cache);

/* What a report says of the next one, the cache not entered: where all were reported and no longer are, flushes. */
static _always_inline_ void tagged_settle(struct threadcache *cache, int64_t next)
{
	if (unlikely(cache->all_reported != (next <= 1))) {
		cache->all_reported = next <= 1;
		if (next > 1)
			tagged_leave_all(cache);
	}
}

/* In a forked child, of a cache whose thread is not here: forgets the blocks. Returns how many. */
uint64_t tagged_forget(struct threadcache *cache);

/* How many blocks of the class (without tags) are on the cache's list with tags. */
uint64_t tagged_count(const struct threadcache *cache, unsigned class);

#endif
