/* SPDX-License-Identifier: MIT */
/*
 * glibc-bins.c: whether something is an arena's array of bins. A list head is two words; those of an empty list
 * point at itself (16 bytes before it, where its chunk would begin), those of another at chunks, whose own links
 * point back. A running process may be at work on a few lists while they are looked at.
 *
 * How many lists are empty depends on the program alone: one that has freed blocks of all sizes may have something in
 * each. So a list proves itself by being empty or by chunks that point back to it, and enough of them have to.
 */
#include "process/glibc-bins.h"

#include <string.h>

#include "base/macro.h"
#include "process/glibc-state.h"

enum {
	BINS_SIZE = GLIBC_N_BINS * 16,
	MIN_PROVEN = 16,
	MAX_CHANGING = 2, /* lists that a running process is at work on */
	BIN_TRIES = 4,
};

/* Whether a list head at address may be one: its links point at itself or at chunks. */
static bool is_head(uint64_t address, uint64_t forward, uint64_t backward)
{
	uint64_t self = address - 16;

	if (forward == self || backward == self)
		return forward == backward;
	return forward && backward && IS_ALIGNED(forward, GLIBC_ALIGNMENT) &&
	       IS_ALIGNED(backward, GLIBC_ALIGNMENT);
}

bool glibc_bins_look_right(const uint8_t *bytes, uint64_t address)
{
	size_t n_wrong = 0;

	for (size_t i = 0; i < GLIBC_N_BINS; i++) {
		uint64_t links[2];

		memcpy(links, bytes + i * 16, sizeof(links));
		if (!is_head(address + i * 16, links[0], links[1]) && n_wrong++ == MAX_CHANGING)
			return false;
	}
	return true;
}

/*
 * As memory_read_present, but what was swapped out is fetched: an idle process's arenas may be. False if
 * it was read.
 */
static bool misses(struct memory *memory, uint64_t address, void *buffer, size_t size)
{
	uint64_t start = ALIGN_DOWN(address, (uint64_t)MEMORY_PAGE_SIZE);
	uint8_t pages[4];
	size_t n;

	if (address > UINT64_MAX - size)
		return true;
	n = DIV_ROUND_UP(address + size - start, MEMORY_PAGE_SIZE);
	if (n > ARRAY_SIZE(pages) || memory_pages(memory, start, n, pages) < 0)
		return true;
	for (size_t i = 0; i < n; i++)
		if (!(pages[i] & (MEMORY_RESIDENT | MEMORY_SWAPPED)))
			return true;
	return memory_read(memory, address, buffer, size) < 0;
}

/* Whether the chunks at both ends of a list point back. */
static bool bin_holds(struct memory *memory, const uint64_t links[2], uint64_t self)
{
	uint64_t first[2], last[2];

	if (links[0] == self)
		return links[1] == self;
	return !misses(memory, links[0] + 16, first, sizeof(first)) &&
	       !misses(memory, links[1] + 16, last, sizeof(last)) && first[1] == self &&
	       last[0] == self;
}

/* One that does not hold is read again, which takes microseconds; two may be at work each time. */
bool glibc_bins_hold(struct memory *memory, const uint8_t *bytes, uint64_t address)
{
	size_t n_wrong = 0;

	for (size_t i = 0; i < GLIBC_N_BINS && n_wrong <= MAX_CHANGING; i++) {
		const uint64_t at = address + i * 16;
		uint64_t links[2];
		int tries = 0;

		memcpy(links, bytes + i * 16, sizeof(links));
		while (!bin_holds(memory, links, at - 16) && ++tries < BIN_TRIES)
			if (memory_read(memory, at, links, sizeof(links)) < 0)
				return false;
		n_wrong += tries == BIN_TRIES;
	}
	return n_wrong <= MAX_CHANGING;
}

/* Empty lists first: they cost nothing to ask. */
static bool enough_hold(struct memory *memory, const uint64_t bins[GLIBC_N_BINS][2],
			uint64_t address)
{
	size_t n_proven = 0;

	for (int empty = 1; empty >= 0; empty--)
		for (size_t i = 0; i < GLIBC_N_BINS && n_proven < MIN_PROVEN; i++) {
			const uint64_t self = address + i * 16 - 16;

			if ((bins[i][0] == self) == empty)
				n_proven += bin_holds(memory, bins[i], self);
		}
	return n_proven == MIN_PROVEN;
}

bool glibc_bins_are_at(struct memory *memory, uint64_t address)
{
	uint64_t bins[GLIBC_N_BINS][2];

	return !misses(memory, address, bins, sizeof(bins)) &&
	       glibc_bins_look_right((const uint8_t *)bins, address) &&
	       enough_hold(memory, bins, address);
}
