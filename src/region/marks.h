/* SPDX-License-Identifier: MIT */
/*
 * marks.h: moments that the program itself has named (include/memtrace.h), as they stand among the events.
 */
#ifndef REGION_MARKS_H
#define REGION_MARKS_H

#include "region/region.h"

struct region_mark {
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	char name[64];    /* longer ones are cut; not trusted */
};

/*
 * Those from event *since on which are still there, oldest first, and sets *since to the next event: who asks
 * often misses none. The header is that of now. The caller frees. As region_snapshot.
 */
int region_marks(struct region *region, uint64_t *since, struct mt_header *ret_header,
		 struct region_mark **ret, size_t *ret_n);

#endif
