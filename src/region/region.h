/* SPDX-License-Identifier: MIT */
/*
 * region.h: a region as the tool sees it: found, mapped or copied, validated, and taken as a snapshot.
 *
 * A region may be written while it is read, its process may have died in the middle of a store, and a
 * hostile process may have filled it with anything. So there are two steps: struct region gives access
 * to the bytes, and region_snapshot copies out what is valid, checks every offset, index and count, and
 * counts what it had to leave out. Nothing else in the tool reads a region.
 */
#ifndef REGION_REGION_H
#define REGION_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "region/abi.h"

struct region; /* opaque; owns a mapping or a copy */

/*
 * From a descriptor that was handed over (it is duplicated, read-only use), from a running process (by
 * /proc/PID/map_files, else copied with process_vm_readv from where maps shows it), or from bytes
 * (copied). Errors: -ENODATA no region there, -EPROTO not a region or damaged beyond use,
 * -EPROTONOSUPPORT a newer version or an incompatible feature, -ESRCH, -EPERM, -ENOMEM.
 */
int region_open_fd(int fd, struct region **ret);
int region_open_pid(pid_t pid, struct region **ret);
int region_open_bytes(const void *bytes, size_t size, struct region **ret);

/* Copies size bytes from address: 0, -EFAULT if they are not there, or another -errno. */
typedef int (*region_read)(void *userdata, uint64_t address, void *buffer, size_t size);
/* From somewhere else, where it begins at address: a core file. userdata has to outlive the region. */
int region_open_reader(region_read read, void *userdata, uint64_t address, uint64_t size,
		       struct region **ret);
struct region *region_free(struct region *region);
DEFINE_CLEANUP(struct region *, region_free)

/* Where in the process's address space the region is, for region_open_pid; 0 if not known. */
uint64_t region_address(const struct region *region);

/* Address in the process of the fast allocator's struct heap_root, 0 if it has none. */
uint64_t region_heap_root(const struct region *region);

/* Whether it can still be read when its process is gone: a mapping and a copy can, another's memory not. */
bool region_outlives(const struct region *region);

struct region_snapshot {
	struct mt_header header; /* strings in it are zero terminated */
	uint64_t taken_ns;       /* CLOCK_MONOTONIC when it was taken */
	/* Index 0 of each is there and empty, so that indices are those of the region. */
	struct mt_site
		*sites; /* n_frames is 0 where the entry is not valid; stack indexes frames */
	uint32_t n_sites;
	uint64_t *frames;
	uint64_t n_frames;
	struct mt_module *modules; /* path indexes strings */
	uint32_t n_modules;
	char *strings; /* zero terminated at the end */
	uint64_t n_strings;
	struct mt_thread *threads;
	uint32_t n_threads;
	/* These are dense: only valid entries, in no order. */
	struct mt_live *live;
	uint32_t n_live;
	struct mt_map *maps;
	uint32_t n_maps;
	struct mt_event *events; /* oldest first */
	uint32_t n_events;
	uint64_t n_events_missed; /* overwritten before since_event could be read */
	/* What was left out because it was torn or out of range. */
	uint32_t n_damaged_sites, n_damaged_live, n_damaged_maps;
};

/*
 * Only what figures are made of: header, sites (whose stacks are not there: stack says nothing), blocks and
 * mappings; the rest is empty. It costs a part of a snapshot.
 */
int region_count(struct region *region, struct region_snapshot *ret);

/*
 * Only the frames of stacks, from number first on: stacks are only ever added, so whoever has seen some
 * asks for the rest. The caller frees. Frames whose stack is just being written are 0.
 */
int region_frames(struct region *region, uint64_t first, uint64_t **ret, uint64_t *ret_n);

/* What region_visit_changed tells; context is the visitor's own. */
struct region_visitor {
	/* First: the counters, and how far tables are used. Below 0: stop, and the reason. */
	int (*begin)(void *context, const struct mt_header *header);
	/*
	 * What the table has at index now: NULL if that is nothing, or does not stand still. index is below the
	 * table's n of the header; references are not checked.
	 */
	void (*live)(void *context, uint32_t index, const struct mt_live *live);
	void (*map)(void *context, uint32_t index, const struct mt_map *map);
};

/* What was seen of two tables: sums over groups of entries. Zeroed, nothing was. */
struct region_seen {
	uint64_t *live, *maps;
	size_t n_live, n_maps;
};

void region_seen_deinit(struct region_seen *seen);

/*
 * Tells what blocks and mappings are outstanding, as far as it may be another than when the same seen was used
 * before: of what stands still only a sum is made. For those who look often. -ENOMEM and as region_snapshot; after
 * an error seen has to be deinited.
 */
int region_visit_changed(struct region *region, struct region_seen *seen,
			 const struct region_visitor *visitor, void *context);

/* Takes a snapshot; events from sequence since_event on. The caller deinits it. */
int region_snapshot(struct region *region, uint64_t since_event, struct region_snapshot *ret);
void region_snapshot_deinit(struct region_snapshot *snapshot);

#endif
