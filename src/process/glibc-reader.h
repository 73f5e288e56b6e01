/* SPDX-License-Identifier: MIT */
/*
 * glibc-reader.h: all that has to be known of a process before the chunks of its arenas can be walked.
 */
#ifndef PROCESS_GLIBC_READER_H
#define PROCESS_GLIBC_READER_H

#include <stdbool.h>

#include "process/glibc-arenas.h"
#include "process/glibc-caches.h"
#include "process/glibc-heaps.h"
#include "process/glibc-params.h"
#include "process/glibc-state.h"
#include "process/glibc-threads.h"
#include "process/glibc-walk.h"

struct glibc_reader {
	const struct glibc_target *target;
	struct glibc_states states;
	struct glibc_params params;
	bool has_params;
	struct glibc_threads threads;
	struct glibc_caches caches;
};

/* An enum glibc_found, or -errno; with GLIBC_FOUND the caller has to call glibc_reader_deinit. */
int glibc_reader_init(struct glibc_reader *reader, const struct glibc_target *target);
void glibc_reader_deinit(struct glibc_reader *reader);

/* -EBADMSG: the arena's heaps are not linked in a way that is known. */
int glibc_reader_regions(const struct glibc_reader *reader, const struct glibc_state *state,
			 struct glibc_regions *ret);
/* Which pages of the region are resident, which the caller releases, and then each chunk. */
int glibc_reader_map(const struct glibc_reader *reader, const struct glibc_region *region,
		     struct residency *ret);
int glibc_reader_walk(const struct glibc_reader *reader, const struct glibc_region *region,
		      const struct residency *map, glibc_visit visit, void *userdata);

#endif
