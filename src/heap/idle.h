/* SPDX-License-Identifier: MIT */
/*
 * idle.h: the free runs of the page heap: an index by length and neighbourhood of each kind, dirty and
 * clean, and a queue of the dirty ones by age. All is called under the page heap's lock.
 */
#ifndef HEAP_IDLE_H
#define HEAP_IDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/span.h"

/*
 * Entries for spans. They go to and fro as runs are split and merged, so some are kept at hand and the
 * table with its lock is left alone. As span_new and span_free.
 */
struct span *idle_entry_new(void);
void idle_entry_free(struct span *span);

/* One of the longest dirty runs, or NULL. */
struct span *idle_longest_dirty(void);

/* For rebuild.c: forgets all runs and entries; enters a run again, as one of its state. */
void idle_reset(void);
void idle_adopt(struct span *span);

/*
 * Puts a run that is in no index into that of its new state, merged with its neighbours of that kind. In
 * the queue it gets the place of the oldest of them.
 */
void idle_insert(struct span *span, enum span_state state, uint64_t freed_ns);
/* Takes a run out of its index and the queue. */
void idle_unlink(struct span *span);

/*
 * Takes n_pages off the start or the end of a free run, which is in its index. The start is NULL if there
 * is no memory for the entry, the end is then the whole run.
 */
struct span *idle_take(struct span *run, size_t n_pages);
struct span *idle_take_end(struct span *run, size_t n_pages);

/* Cuts the first n_pages off a used run; the rest becomes a free run. False if there is no memory. */
bool idle_cut(struct span *span, size_t n_pages, enum span_state state, uint64_t freed_ns);

/* The free run of that kind that ends before the page, or begins at it; NULL if there is none. */
struct span *idle_neighbour(uint32_t page, bool before, enum span_state state);

/*
 * A free run of at least n_pages, still in its index: a dirty one if possible, then one that is mostly
 * dirty (and counts as such), then a clean one. The range is grown if need be. NULL without memory.
 */
struct span *idle_find(size_t n_pages);
/* One that is clean and there already. */
struct span *idle_find_clean(size_t n_pages);

/* Adds a clean run of at least n_pages at the end of the range. */
bool idle_grow_range(size_t n_pages);

/* The dirty run that has been free for the longest time, NULL if there is none. */
struct span *idle_oldest(void);

/* Pages in all runs of that kind. */
size_t idle_pages(enum span_state state);

#endif
