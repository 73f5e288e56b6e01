/* SPDX-License-Identifier: MIT */
/*
 * runs.h: the index of free runs by length, one for clean and one for dirty ones. All under the page
 * heap's lock.
 */
#ifndef HEAP_RUNS_H
#define HEAP_RUNS_H

#include <stddef.h>
#include <stdint.h>

#include "heap/span.h"

/* One bin for each length up to 64 pages, then eight a doubling. */
#define RUNS_EXACT 64u
#define RUNS_BINS  (RUNS_EXACT + 26u * 8u)

struct runs {
	size_t n_pages;
	uint64_t filled[(RUNS_BINS + 63) / 64];
	uint32_t bins[RUNS_BINS];
};

/* A span that is in no index, of its length; and one that is in this one, its length still the same. */
void runs_add(struct runs *runs, struct span *span);
void runs_remove(struct runs *runs, struct span *span);

/* A run of at least n_pages, about the shortest; NULL if there is none. It stays in the index. */
struct span *runs_find(const struct runs *runs, size_t n_pages);

/* One of the longest runs, and the next after it, which is not longer by much; NULL at the end. */
struct span *runs_longest(const struct runs *runs);
struct span *runs_shorter(const struct runs *runs, const struct span *span);

#endif
