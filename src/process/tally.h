/* SPDX-License-Identifier: MIT */
/*
 * tally.h: how often each of many things was met, in bounded memory: exactly while they fit, and then the
 * most frequent ones with a bound on the error (Misra and Gries, "Finding Repeated Elements", 1982).
 *
 * Invariants: for every thing that was added n times: an entry says count <= n <= count + tally.error, or
 * there is no entry and n <= tally.error. error is 0 as long as everything fits.
 */
#ifndef PROCESS_TALLY_H
#define PROCESS_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tally_entry {
	uint64_t key;
	uint64_t count;  /* 0: not used */
	uint64_t length; /* of what the key stands for, bytes */
	char text[];     /* as much of it as fits in text_size, zero terminated */
};

struct tally {
	size_t text_size;  /* 0: entries have no text */
	size_t max_size;   /* bytes that the table may take */
	char *entries;     /* open addressing; entries of tally_entry_size bytes */
	size_t capacity;   /* power of two, or 0 */
	size_t n_entries;  /* at most 3/4 of capacity */
	uint64_t n_added;  /* sum of what was counted */
	uint64_t error;    /* in counts */
	uint64_t n_pruned; /* entries that had to go */
};

/* Takes no memory yet. */
void tally_init(struct tally *tally, size_t text_size, size_t max_size);
void tally_deinit(struct tally *tally);

/* One more of key; length and text (of at least length bytes, or NULL) are kept when it is new. 0 or -ENOMEM. */
int tally_add(struct tally *tally, uint64_t key, uint64_t length, const char *text);

enum tally_order { TALLY_BY_COUNT, TALLY_BY_BYTES };
/*
 * The n entries that come first, in order, at most *ret_n of them; the caller frees the array, the
 * entries are the tally's. -ENOMEM.
 */
int tally_rank(const struct tally *tally, enum tally_order order, size_t n,
	       const struct tally_entry ***ret, size_t *ret_n);

#endif
