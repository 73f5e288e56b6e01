/* SPDX-License-Identifier: MIT */
/*
 * series.h: figures over time, gathered while a process runs: of the process, and of its heaviest sites.
 *
 * Memory is bounded whatever the time: of the last moments all are kept, of older ones every second, of
 * still older ones every fourth, and so on, SERIES_PER_TIER of each. The first moment and those with the
 * highest RSS and the most live memory always stay. Whoever gathers brings the clock along; nothing in
 * here asks for the time.
 */
#ifndef PROFILE_SERIES_H
#define PROFILE_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "profile/profile.h"
#include "region/region.h"

enum {
	SERIES_PER_TIER = 64, /* moments of each spacing */
	SERIES_TIERS = 32,    /* of which the last is never full: 2^32 times the first spacing */
	SERIES_SITES = 512,   /* whose figures are kept, the heaviest */
	SERIES_MARKS = 64,    /* names of moments; what comes with other names then is left out */
};

struct series; /* opaque */

struct series *series_new(void); /* NULL: no memory */
struct series *series_free(struct series *series);
DEFINE_CLEANUP(struct series *, series_free)

/* A site of the region at one moment. */
struct series_site {
	bool followed; /* there is such a site, and it is not an allocator's own */
	bool malloc;
	uint64_t live_bytes, live_blocks, allocated_bytes, allocated_blocks;
};

/* What is seen at one moment. */
struct series_sample {
	double at;          /* seconds since the epoch; not before the sample before */
	uint64_t rss, anon; /* bytes resident, and of them without a file; PROFILE_UNKNOWN */
	const struct series_site *sites; /* by the region's number; entry 0 is nobody */
	uint32_t n_sites;
};

/* The sites of what region_count or region_snapshot took, n_sites of them; the caller frees. -ENOMEM. */
int series_weigh(const struct region_snapshot *snapshot, struct series_site **ret);

/*
 * The program has named a moment, at seconds since the epoch. The sample that comes next stays, until the same name
 * comes again. -ENOMEM.
 */
int series_mark(struct series *series, const char *name, double at);

/* -ENOMEM, and nothing was added. */
int series_add(struct series *series, const struct series_sample *sample);

size_t series_count(const struct series *series);
/* Bytes of memory that it takes, about. */
size_t series_size(const struct series *series);

/* How long to wait for the next sample: often at the start, each second later, never above 1 % of the time. */
uint64_t series_interval_ns(uint64_t elapsed_ns, uint64_t cost_ns);

/*
 * Gives what was gathered to a profile of the same region (recorded_sites has to be there), with the
 * growth of each site. The profile has no moments yet. -ENOMEM.
 */
int series_finish(const struct series *series, struct profile *profile);

#endif
