/* SPDX-License-Identifier: MIT */
/*
 * suggest.c: optimal string alignment distance (Damerau 1964, restricted to swaps of neighbours), by the
 * usual table of which three rows are kept. A word is thought to be meant if at most a third of its
 * letters, rounded up, are wrong, or if it is the beginning of the candidate.
 */
#include "cli/suggest.h"

#include <limits.h>
#include <string.h>

#include "base/macro.h"

enum { WORD_MAX = 64 };

unsigned suggest_distance(const char *a, const char *b)
{
	unsigned rows[3][WORD_MAX + 1];
	size_t n_a = strlen(a), n_b = strlen(b);

	if (n_a > WORD_MAX || n_b > WORD_MAX)
		return UINT_MAX;
	for (size_t j = 0; j <= n_b; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= n_a; i++) {
		unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3],
			 *above2 = rows[(i + 1) % 3];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= n_b; j++) {
			unsigned changed = above[j - 1] + (a[i - 1] != b[j - 1]);

			row[j] = MIN(changed, MIN(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = MIN(row[j], above2[j - 2] + 1);
		}
	}
	return rows[n_a % 3][n_b];
}

void suggestion_offer(struct suggestion *suggestion, const char *word, const char *candidate)
{
	size_t length = strlen(word);
	unsigned distance = suggest_distance(word, candidate);

	if (length == 0)
		return;
	if (length >= 2 && strncmp(word, candidate, length) == 0)
		distance = MIN(distance, 1u);
	if (distance > DIV_ROUND_UP(length, 3))
		return;
	if (suggestion->name && distance >= suggestion->distance)
		return;
	suggestion->name = candidate;
	suggestion->distance = distance;
}
