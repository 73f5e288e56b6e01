/* SPDX-License-Identifier: MIT */
/*
 * suggest.h: "did you mean": the nearest of the names that there are.
 */
#ifndef CLI_SUGGEST_H
#define CLI_SUGGEST_H

#include <stddef.h>

/*
 * How many letters must be left out, put in, changed or swapped with a neighbour to make b of a. Words
 * beyond 64 bytes are far from everything.
 */
unsigned suggest_distance(const char *a, const char *b);

/* The best guess so far; starts zeroed. */
struct suggestion {
	const char *name; /* NULL if nothing is near enough to be meant */
	unsigned distance;
};

/* Takes candidate if it is nearer to word than what is there, and near enough to be a typing error. */
void suggestion_offer(struct suggestion *suggestion, const char *word, const char *candidate);

#endif
