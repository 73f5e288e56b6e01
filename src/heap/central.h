/* SPDX-License-Identifier: MIT */
/*
 * central.h: the tier between thread caches and the page heap: for each size class the spans with free
 * blocks, and some batches that threads hand to each other.
 *
 * Damage that is found here (a block that is free already, that begins elsewhere, or that is not of the
 * class) ends in hooks_corruption.
 */
#ifndef HEAP_CENTRAL_H
#define HEAP_CENTRAL_H

#include <stdbool.h>
#include <stddef.h>

#include "heap/published.h"
#include "heap/span.h"

/* By class, those with tags from SIZECLASS_TAGGED on. */
extern struct central central_table[SIZECLASS_IDS] _hidden_;

/*
 * Takes about n blocks (at most the class's batch) as a list that is linked through their first words
 * and ends in NULL; a block that comes alone is not touched. Returns how many, at least 1; 0 if there is
 * no memory. If owner is not 0, which is for classes with tags, they come for the thread with that number from
 * spans that others do not take from, as a rule. So threads do not write to the same cache lines, of blocks, of tags,
 * and of spans.
 */
unsigned central_take(unsigned class, unsigned n, uint32_t owner, void **ret_list);

/*
 * The same for classes without tags, without a link: blocks of the span that comes first, if that has at least half of n,
 * or twice as many. Returns how many; 0 if what central_take brings serves better, or if there is no memory.
 */
unsigned central_pick(unsigned class, unsigned n, struct span_pick *ret);
/* Gives what is left of a pick. Returns how many blocks. */
unsigned central_unpick(unsigned class, const struct span_pick *pick);

/* Gives n blocks (at most PUTBACK_MAX), which are not touched. */
void central_put(unsigned class, void *const *blocks, unsigned n);

/* Gives n blocks that are linked in the same way. */
void central_give(unsigned class, void *list, unsigned n);

/*
 * One block with a tag where few blocks have tags: the class has no batches, and the block's span goes when the last
 * one of it is given, unless that happens over and over. NULL if there is no memory.
 */
void *central_take_one(unsigned class);
void central_give_one(unsigned class, void *block);

/* Gives spans without a block in use back to the page heap. */
void central_retire(unsigned class);

/*
 * Breaks up the batches, gives spans without a block in use back to the page heap, and free pages within
 * the others to the kernel. True if there were such.
 */
bool central_tidy(unsigned class);

/*
 * The same with what is not likely to be needed, judged by what was free all the time since the last
 * visit. Some of it, if it is much.
 */
void central_age(unsigned class);

/* For rebuild.c: empties all lists, where blocks in batches are lost; enters a small span again. */
void central_reset(void);
void central_adopt(struct span *span);

/* The totals that stand in the table, consistent; links are left out. */
struct central central_copy(unsigned class);

#endif
