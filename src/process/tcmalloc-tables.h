/* SPDX-License-Identifier: MIT */
/*
 * tcmalloc-tables.h: what tcmalloc knows beside its spans: the sizes of its classes, what its caches hold, and how much
 * metadata it has. Found in its static data without names.
 */
#ifndef PROCESS_TCMALLOC_TABLES_H
#define PROCESS_TCMALLOC_TABLES_H

#include <stdint.h>

#include "process/maps.h"
#include "process/pagecache.h"
#include "process/space.h"
#include "process/tcmalloc-sums.h"

#define TCMALLOC_LIBRARY "libtcmalloc" /* see statics.h */

enum { TCMALLOC_CLASSES = 128 }; /* room for them */

struct tcmalloc_tables {
	const struct maps *maps; /* the space's */
	struct pagecache *cache; /* the caller's */
	uint32_t sizes[TCMALLOC_CLASSES];
	uint32_t n_classes, n_tried;
	uint64_t sizes_at, central_at, metadata_at, first_cache; /* addresses */
};

/* -EBADMSG: one of them has no form that is known. The space and the cache have to outlive the tables. */
int tcmalloc_tables_find(struct tcmalloc_tables *tables, const struct space *space,
			 struct pagecache *cache);

/* Fills in metadata, transfer and threads. -EAGAIN: a cache was changed meanwhile. */
int tcmalloc_tables_sum(struct tcmalloc_tables *tables, struct tcmalloc_sums *sums);

#endif
