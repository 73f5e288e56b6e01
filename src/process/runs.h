/* SPDX-License-Identifier: MIT */
/*
 * runs.h: where an allocator's memory lies and how much of it is resident, gathered from its runs of pages in order of
 * address: neighbours that belong to one arena become one range.
 */
#ifndef PROCESS_RUNS_H
#define PROCESS_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/arenas.h"
#include "process/memory.h"
#include "process/residency.h"

struct runs {
	struct memory *memory; /* the caller's */
	struct residency map;  /* of where was asked last */
	struct arena_range *ranges;
	size_t n_ranges;
};

void runs_deinit(struct runs *runs);
/* Drops what was gathered, and what was resident. */
void runs_forget(struct runs *runs);

/* Resident bytes of [start, end), whole pages. Quick where the next question is about what follows. */
int runs_resident(struct runs *runs, uint64_t start, uint64_t end, uint64_t *ret);

/* The range that [start, end) of an arena is in now; the caller adds what is resident there. NULL: no memory. */
struct arena_range *runs_add(struct runs *runs, uint32_t arena, uint64_t start, uint64_t end);

/*
 * Whether bytes that were counted run by run are those that the allocator says, but for a little: of a process that
 * stands still both are the same.
 */
bool runs_settled(uint64_t counted, uint64_t said);

/* Has the ranges of arena number from be those of arenas->arenas[arena], and that one's resident bytes be their sum. */
int runs_hand_over(const struct runs *runs, uint32_t from, struct arenas *arenas, uint32_t arena);

#endif
