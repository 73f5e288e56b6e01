/* SPDX-License-Identifier: MIT */
/*
 * residency.h: which pages of a range are in memory, as bits, so that a reader can leave the others
 * alone, since reading an absent page makes it present, and count the resident bytes of anything.
 */
#ifndef PROCESS_RESIDENCY_H
#define PROCESS_RESIDENCY_H

#include <stdbool.h>
#include <stdint.h>

#include "process/memory.h"

/* The pages of a range, as they were at one moment. Bits count from start. */
struct residency {
	uint64_t start, end;         /* whole pages */
	uint64_t *present, *swapped; /* owned */
};

/* Whole pages around [start, end): 0 or -errno, -EINVAL if that is no range. */
int residency_read(struct memory *memory, uint64_t start, uint64_t end, struct residency *ret);
void residency_deinit(struct residency *residency);

/* Resident bytes of [start, end); pages outside of the range that was read are absent. */
uint64_t residency_bytes(const struct residency *residency, uint64_t start, uint64_t end);
/* How many bytes from address on are resident without a gap, at most max. */
uint64_t residency_run(const struct residency *residency, uint64_t address, uint64_t max);
bool residency_is_swapped(const struct residency *residency, uint64_t address);

#endif
