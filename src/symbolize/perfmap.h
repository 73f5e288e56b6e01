/* SPDX-License-Identifier: MIT */
/*
 * perfmap.h: the names of code that a runtime compiles in memory, as it writes them to
 * /tmp/perf-PID.map: lines of "START SIZE name", in hex, with or without 0x.
 */
#ifndef SYMBOLIZE_PERFMAP_H
#define SYMBOLIZE_PERFMAP_H

#include "base/cleanup.h"
#include "symbolize/rangemap.h"

struct perfmap_entry {
	uint64_t start;
	const char *name; /* lives as long as the perfmap */
};

struct perfmap {
	char *text;
	struct perfmap_entry *entries; /* in the order of the lines */
	size_t n_entries;
	struct rangemap map;
	size_t n_bad_lines; /* left out: no such line, or over the bounds */
};

/*
 * From text, any bytes at all; it is copied. Where entries overlap the later one holds: the runtime
 * reused the memory. Lines that are not understood are counted. 0 or -ENOMEM.
 */
int perfmap_new(const char *text, size_t size, struct perfmap **ret);
struct perfmap *perfmap_free(struct perfmap *perfmap);
DEFINE_CLEANUP(struct perfmap *, perfmap_free)

/*
 * From a file, which has to be a regular one of root, of this user, or of owner: anybody can write to
 * /tmp. -EPERM otherwise; -ENOENT and the like; -EFBIG.
 */
int perfmap_read(const char *path, uid_t owner, struct perfmap **ret);

/* NULL if there is none. */
const struct perfmap_entry *perfmap_find(const struct perfmap *perfmap, uint64_t address);

#endif
