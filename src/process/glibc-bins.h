/* SPDX-License-Identifier: MIT */
/*
 * glibc-bins.h: whether something is an arena's array of bins. Only glibc-state.c uses it.
 */
#ifndef PROCESS_GLIBC_BINS_H
#define PROCESS_GLIBC_BINS_H

#include <stdbool.h>
#include <stdint.h>

#include "process/memory.h"

/* Whether the copy of an array that is at address may be one, by itself: nothing else is read. */
bool glibc_bins_look_right(const uint8_t *bytes, uint64_t address);

/* Whether the chunks at the ends of its lists point back, of all lists but a few that may just be changing. */
bool glibc_bins_hold(struct memory *memory, const uint8_t *bytes, uint64_t address);

/* Whether what is at address looks right, and enough of its lists hold; what was swapped out is fetched. */
bool glibc_bins_are_at(struct memory *memory, uint64_t address);

#endif
