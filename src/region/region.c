/* SPDX-License-Identifier: MIT */
/*
 * region.c: a region, opened and checked.
 *
 * Nothing in a region is believed. What is said once (where the tables are) is copied and checked when
 * it is opened, and only that copy is used; of the header, only counters are ever read again. How it is
 * bounded what a hostile region can make the tool read stands in table.c, what is taken out of an open
 * region in snapshot.c and changed.c.
 */
#include "region/region.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "region/opened.h"
#include "region/source.h"
#include "region/table.h"

static int check_header(const struct mt_header *header)
{
	if (header->magic != MT_MAGIC || !header->version)
		return -EPROTO;
	if (header->version > MT_VERSION || header->incompatible & ~MT_INCOMPATIBLE_KNOWN)
		return -EPROTONOSUPPORT;
	if (header->header_size < sizeof(*header) || header->header_size > header->region_size)
		return -EPROTO;
	return tables_check(header);
}

/* Takes source over, on failure too. whole: the source holds all of the region's size. */
static int region_open(struct source *source, bool whole, struct region **ret)
{
	_cleanup_(region_freep) struct region *region = calloc(1, sizeof(*region));
	pid_t pid;
	int r;

	if (!region) {
		source_free(source);
		return -ENOMEM;
	}
	region->source = source;
	if (source_size(source) < sizeof(region->header))
		return -EPROTO;
	r = source_copy(source, 0, &region->header, sizeof(region->header));
	if (r < 0)
		return r;
	r = check_header(&region->header);
	if (r < 0)
		return r;
	if (whole && region->header.region_size > source_size(source))
		return -EPROTO;
	/* a forked child that has recorded nothing yet still shows its parent's region */
	pid = source_inner_pid(source);
	if (pid && region->header.pid != (uint32_t)pid)
		return -ENODATA;
	*ret = TAKE_PTR(region);
	return 0;
}

int region_open_fd(int fd, struct region **ret)
{
	struct source *source;
	int r;

	r = source_open_fd(fd, &source);
	return r < 0 ? r : region_open(source, true, ret);
}

int region_open_pid(pid_t pid, struct region **ret)
{
	struct source *source;
	int r;

	r = source_open_pid(pid, &source);
	return r < 0 ? r : region_open(source, true, ret);
}

int region_open_bytes(const void *bytes, size_t size, struct region **ret)
{
	struct source *source;
	int r;

	/* a core file may lack the part of a region that was never touched */
	r = source_open_bytes(bytes, size, &source);
	return r < 0 ? r : region_open(source, false, ret);
}

int region_open_reader(region_read read, void *userdata, uint64_t address, uint64_t size,
		       struct region **ret)
{
	struct source *source;
	int r;

	r = source_open_reader(read, userdata, address, size, &source);
	return r < 0 ? r : region_open(source, false, ret);
}

struct region *region_free(struct region *region)
{
	if (!region)
		return NULL;
	source_free(region->source);
	free(region);
	return NULL;
}

bool region_outlives(const struct region *region)
{
	return source_outlives(region->source);
}

uint64_t region_address(const struct region *region)
{
	return source_address(region->source);
}

uint64_t region_heap_root(const struct region *region)
{
	return region->header.heap_root;
}

int region_read_counters(struct region *region, struct mt_header *ret)
{
	const struct mt_header *first = &region->header;
	struct mt_header header;
	int r;

	r = source_copy(region->source, 0, &header, sizeof(header));
	if (r < 0)
		return r;
	/* another process may have taken the place of the one that it was */
	if (header.magic != MT_MAGIC || header.pid != first->pid ||
	    header.start_ns != first->start_ns)
		return -ESRCH;
	header.version = first->version;
	header.header_size = first->header_size;
	header.compatible = first->compatible;
	header.incompatible = first->incompatible;
	header.region_size = first->region_size;
	memcpy(&header.stacks, &first->stacks,
	       offsetof(struct mt_header, pid) - offsetof(struct mt_header, stacks));
	*ret = header;
	return 0;
}
