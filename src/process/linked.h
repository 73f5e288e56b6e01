/* SPDX-License-Identifier: MIT */
/*
 * linked.h: an allocator that was linked into the program itself, found by its functions' names in the program's
 * file. A stripped program has none.
 */
#ifndef PROCESS_LINKED_H
#define PROCESS_LINKED_H

#include <stdint.h>

#include "process/space.h"

enum { LINKED_FUNCTIONS = 3 };

struct linked_allocator {
	const char *name; /* "jemalloc", "tcmalloc", "mimalloc"; NULL: none was found */
	/* what is asked by, with the names that it has where it is a library; at most these */
	struct {
		const char *name; /* NULL: no more */
		uint64_t address; /* in the process */
	} functions[LINKED_FUNCTIONS];
};

/* -ENOMEM; a file that cannot be read has no allocator. Reads up to some 100 MiB of a large program's symbols. */
int linked_find(const struct space *space, struct linked_allocator *ret);

#endif
