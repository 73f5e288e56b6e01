/* SPDX-License-Identifier: MIT */
/*
 * runs.c: segregated lists with a bitmap of those that are not empty, so that adding, removing and
 * finding take constant time (M. Masmano et al., "TLSF: a new dynamic memory allocator for real-time
 * systems", 2004).
 *
 * A length above RUNS_EXACT shares its bin with others. For such a request its own bin is looked
 * through a few entries deep, then any run of a higher bin fits.
 */
#include "heap/runs.h"

#define LOOK_DEEP 8

static unsigned bin_of(size_t n_pages)
{
	unsigned log;

	if (n_pages <= RUNS_EXACT)
		return (unsigned)n_pages - 1;
	log = 63 - (unsigned)__builtin_clzll(n_pages);
	return RUNS_EXACT + (log - 6) * 8 + ((n_pages >> (log - 3)) & 7);
}

void runs_add(struct runs *runs, struct span *span)
{
	unsigned bin = bin_of(span->n_pages);

	span_push(&runs->bins[bin], span);
	runs->filled[bin / 64] |= 1ull << (bin % 64);
	runs->n_pages += span->n_pages;
}

void runs_remove(struct runs *runs, struct span *span)
{
	unsigned bin = bin_of(span->n_pages);

	span_unlink(&runs->bins[bin], span);
	if (!runs->bins[bin])
		runs->filled[bin / 64] &= ~(1ull << (bin % 64));
	runs->n_pages -= span->n_pages;
}

struct span *runs_find(const struct runs *runs, size_t n_pages)
{
	unsigned bin, word;
	uint64_t bits;

	if (n_pages > runs->n_pages)
		return NULL;
	bin = bin_of(n_pages);
	if (n_pages > RUNS_EXACT) {
		uint32_t index = runs->bins[bin];

		for (unsigned i = 0; index && i < LOOK_DEEP; i++, index = span_at(index)->next)
			if (span_at(index)->n_pages >= n_pages)
				return span_at(index);
		bin++;
	}
	word = bin / 64;
	if (word >= ARRAY_SIZE(runs->filled))
		return NULL;
	bits = runs->filled[word] & (~0ull << (bin % 64));
	while (!bits) {
		if (++word == ARRAY_SIZE(runs->filled))
			return NULL;
		bits = runs->filled[word];
	}
	return span_at(runs->bins[word * 64 + (unsigned)__builtin_ctzll(bits)]);
}

struct span *runs_longest(const struct runs *runs)
{
	for (unsigned word = ARRAY_SIZE(runs->filled); word > 0; word--)
		if (runs->filled[word - 1])
			return span_at(
				runs->bins[word * 64 - 1 -
					   (unsigned)__builtin_clzll(runs->filled[word - 1])]);
	return NULL;
}

struct span *runs_shorter(const struct runs *runs, const struct span *span)
{
	const unsigned bin = bin_of(span->n_pages);
	unsigned word = bin / 64;
	uint64_t bits = runs->filled[word] & ((1ull << (bin % 64)) - 1);

	if (span->next)
		return span_at(span->next);
	while (!bits) {
		if (word == 0)
			return NULL;
		bits = runs->filled[--word];
	}
	return span_at(runs->bins[word * 64 + 63 - (unsigned)__builtin_clzll(bits)]);
}
