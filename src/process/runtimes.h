/* SPDX-License-Identifier: MIT */
/*
 * runtimes.h: the memory that language runtimes and allocators that cannot be read have mapped.
 */
#ifndef PROCESS_RUNTIMES_H
#define PROCESS_RUNTIMES_H

#include "process/areas.h"
#include "process/space.h"

/*
 * Adds areas of what is recognised, surest first: headers of pages and chunks that point where they have to
 * (V8, Python, PHP, Ruby), ranges that a runtime itself says it has (Java), and, last, what is left of
 * anonymous memory in a process where one runtime or allocator maps nearly all of it. Absent pages are
 * not read.
 */
int runtimes_find(const struct space *space, struct areas *areas);

/* The library that serves malloc in libc's place and cannot be read ("jemalloc"…), or NULL. */
const char *runtimes_allocator(const struct maps *maps);

#endif
