/* SPDX-License-Identifier: MIT */
/*
 * pagecache.h: small things here and there in the memory of another process, of which many share a page: a
 * page is read once and kept until another one needs its place. What is absent or swapped out is not made
 * present.
 */
#ifndef PROCESS_PAGECACHE_H
#define PROCESS_PAGECACHE_H

#include <stddef.h>
#include <stdint.h>

#include "process/memory.h"

struct pagecache {
	struct memory *memory; /* the caller's */
	uint64_t *addresses;   /* of the pages that are here; 0: none. Owned */
	char *bytes;           /* owned */
};

/* -ENOMEM. */
int pagecache_init(struct pagecache *cache, struct memory *memory);
void pagecache_deinit(struct pagecache *cache);
/* All of it is read anew from now on. */
void pagecache_forget(struct pagecache *cache);

/* 0; -EFAULT if a part of it is not there, other errors as those of memory_read. */
int pagecache_read(struct pagecache *cache, uint64_t address, void *buffer, size_t size);
/* The same where a structure leads to: -EBADMSG if a part of it is not there. */
int pagecache_follow(struct pagecache *cache, uint64_t address, void *buffer, size_t size);

#endif
