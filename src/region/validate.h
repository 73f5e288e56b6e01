/* SPDX-License-Identifier: MIT */
/*
 * validate.h: makes every reference in a snapshot safe to follow. Only snapshot.c uses it.
 */
#ifndef REGION_VALIDATE_H
#define REGION_VALIDATE_H

#include "region/region.h"

/*
 * Takes a snapshot whose arrays were copied and whose counts say how long they are. Afterwards what
 * region.h says of a snapshot holds: each index and offset lies within its array, strings end, damaged
 * entries are gone or emptied, and counted.
 */
void validate_snapshot(struct region_snapshot *snapshot);
/* The same of one that has header, sites, blocks and mappings only; of threads nothing is known then. */
void validate_counters(struct region_snapshot *snapshot);

#endif
