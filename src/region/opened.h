/* SPDX-License-Identifier: MIT */
/*
 * opened.h: what the files that read a region share. Only they use it.
 */
#ifndef REGION_OPENED_H
#define REGION_OPENED_H

#include "region/abi.h"
#include "region/region.h"
#include "region/source.h"

struct region {
	struct source *source;
	/* as it was when it was opened: the tables and the process in it count */
	struct mt_header header;
};

/*
 * Copies the header anew, for the counters, and keeps what was checked when it was opened. -ESRCH if it is the
 * region of another process by now.
 */
int region_read_counters(struct region *region, struct mt_header *ret);

#endif
