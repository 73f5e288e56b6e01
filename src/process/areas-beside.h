/* SPDX-License-Identifier: MIT */
/*
 * areas-beside.h: memory of an allocator that is known by elimination, without what is known for certain.
 */
#ifndef PROCESS_AREAS_BESIDE_H
#define PROCESS_AREAS_BESIDE_H

#include "process/areas.h"
#include "process/arenas.h"

/*
 * Has areas of AREA_HEAP, which are in order and measured, be only what no range of the arenas has; the pieces are
 * measured anew. -ENOMEM, and errors as those of areas_measure; then nothing has changed.
 */
int areas_leave_ranges(struct areas *areas, const struct arenas *arenas, struct memory *memory);

#endif
