/* SPDX-License-Identifier: MIT */
/*
 * control.c: a reader maps the region read-only (it is sealed), so the one field that a tool writes is
 * written through the process's own mapping. The magic is read first: nothing is ever written to memory
 * that is not a region.
 */
#include "cli/control.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "base/cleanup.h"
#include "process/maps.h"
#include "process/memory.h"
#include "region/region.h"

static int find_region(pid_t pid, uint64_t *ret_address)
{
	_cleanup_(maps_deinit) struct maps maps = {};
	int r = maps_read(pid, false, &maps);

	if (r < 0)
		return r;
	for (size_t i = 0; i < maps.n_mappings; i++) {
		const struct mapping *mapping = &maps.mappings[i];

		if (mapping->write && mapping->offset == 0 &&
		    strcmp(mapping->path, "/memfd:" MT_REGION_NAME) == 0) {
			*ret_address = mapping->start;
			return 0;
		}
	}
	return -ENODATA;
}

static int read_header(pid_t pid, uint64_t address, struct mt_header *ret)
{
	struct memory *memory;
	int r = memory_open_pid(pid, &memory);

	if (r < 0)
		return r;
	r = memory_read(memory, address, ret, sizeof(*ret));
	memory_free(memory);
	if (r < 0)
		return r;
	return ret->magic == MT_MAGIC ? 0 : -EPROTO;
}

/* A forked child has its parent's region until it gets one of its own; injected ones get none. */
static bool is_inherited(pid_t pid)
{
	_cleanup_(region_freep) struct region *region = NULL;

	return region_open_pid(pid, &region) == -ENODATA;
}

int control_is_leftover(pid_t pid)
{
	struct mt_header header;
	uint64_t address;
	int r = find_region(pid, &address);

	if (r >= 0)
		r = read_header(pid, address, &header);
	if (r < 0)
		return r;
	return header.mode == MT_MODE_INJECTED &&
	       (header.state == MT_STATE_DETACHED || is_inherited(pid));
}

int control_stop(pid_t pid)
{
	struct mt_header header;
	uint32_t one = 1;
	uint64_t address;
	struct iovec local = {&one, sizeof(one)}, remote;
	int r = find_region(pid, &address);

	if (r < 0)
		return r;
	r = read_header(pid, address, &header);
	if (r < 0)
		return r;
	remote.iov_base = (void *)(uintptr_t)(address + offsetof(struct mt_header, control_stop));
	remote.iov_len = sizeof(one);
	if (process_vm_writev(pid, &local, 1, &remote, 1, 0) != sizeof(one))
		return errno ? -errno : -EFAULT;
	return 0;
}
