/* SPDX-License-Identifier: MIT */
/*
 * memory.c: the bytes of another process, wherever they are.
 *
 * A memory is a table of operations and what they need, so that readers (the unwinder, the walk over an
 * allocator's structures) do not know whether the process lives or has left a core file. Here is the
 * living one: process_vm_readv(2) stops nobody and asks the same permission as ptrace. Which pages are
 * there is read from pagemap, which touches none of them. The others are core.c,
 * and pieces that are in our own memory.
 */
#include "process/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/macro.h"
#include "process/core.h"
#include "process/zeropages.h"

struct memory_ops {
	int (*read)(struct memory *memory, uint64_t address, void *buffer, size_t size);
	int (*pages)(struct memory *memory, uint64_t address, size_t n, uint8_t *ret);
	void (*close)(struct memory *memory);
};

struct memory {
	const struct memory_ops *ops;
	pid_t pid;         /* live */
	int pagemap;       /* live; opened when it is asked for */
	struct core *core; /* the caller's */
	struct memory_piece *pieces;
	size_t n_pieces;
};

/* Bits of an entry of pagemap (the kernel's Documentation/admin-guide/mm/pagemap.rst). */
static const uint64_t pagemap_present = 1ull << 63, pagemap_swapped = 1ull << 62,
		      pagemap_file = 1ull << 61;

static int live_read(struct memory *memory, uint64_t address, void *buffer, size_t size)
{
	struct iovec local, remote;
	size_t done = 0;
	ssize_t n;

	while (done < size) {
		local = (struct iovec){(char *)buffer + done, size - done};
		remote = (struct iovec){(void *)(uintptr_t)(address + done), size - done};
		n = process_vm_readv(memory->pid, &local, 1, &remote, 1, 0);
		if (n < 0)
			return -errno;
		if (!n)
			return -EFAULT;
		done += (size_t)n;
	}
	return 0;
}

static int open_pagemap(struct memory *memory)
{
	char path[64];

	if (memory->pagemap >= 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)memory->pid);
	memory->pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (memory->pagemap >= 0)
		return 0;
	return errno == ENOENT ? -ESRCH : errno == EACCES ? -EPERM : -errno;
}

static uint8_t page_of(uint64_t entry)
{
	return (uint8_t)((entry & pagemap_present ? MEMORY_RESIDENT : 0) |
			 (entry & pagemap_swapped ? MEMORY_SWAPPED : 0) |
			 (entry & pagemap_file ? MEMORY_FILE : 0));
}

/* Pages of entries, which were read from pagemap. */
static void tell_pages(const struct memory *memory, uint64_t address, const uint64_t *entries,
		       size_t n, uint8_t *ret)
{
	bool may_be_zeros = false;

	for (size_t i = 0; i < n; i++) {
		ret[i] = page_of(entries[i]);
		may_be_zeros |= zeropages_may_be(entries[i]);
	}
	/* a kernel that cannot tell counts them as resident */
	if (may_be_zeros)
		(void)zeropages_clear(memory->pagemap, address, n, ret);
}

static int live_pages(struct memory *memory, uint64_t address, size_t n, uint8_t *ret)
{
	uint64_t entries[512];
	size_t done = 0, some;
	ssize_t size;
	int r = open_pagemap(memory);

	if (r < 0)
		return r;
	for (; done < n; done += some) {
		some = MIN(n - done, ARRAY_SIZE(entries));
		size = file_pread(memory->pagemap, entries, some * sizeof(*entries),
				  (address / MEMORY_PAGE_SIZE + done) * sizeof(*entries));
		if (size < 0)
			return (int)size;
		/* shorter: the process has ended, or that is beyond what it can map */
		if ((size_t)size < sizeof(*entries))
			memset(entries, 0, some * sizeof(*entries));
		else
			some = MIN(some, (size_t)size / sizeof(*entries));
		tell_pages(memory, address + done * MEMORY_PAGE_SIZE, entries, some, ret + done);
	}
	return 0;
}

static void live_close(struct memory *memory)
{
	cleanup_close(&memory->pagemap);
}

static const struct memory_ops live_ops = {live_read, live_pages, live_close};

static int dead_read(struct memory *memory, uint64_t address, void *buffer, size_t size)
{
	return core_read(memory->core, address, buffer, size);
}

static int dead_pages(struct memory *memory, uint64_t address, size_t n, uint8_t *ret)
{
	return core_pages(memory->core, address, n, ret);
}

static void dead_close(struct memory *memory)
{
}

static const struct memory_ops dead_ops = {dead_read, dead_pages, dead_close};

int memory_open_core(struct core *core, struct memory **ret)
{
	struct memory *memory = calloc(1, sizeof(*memory));

	if (!memory)
		return -ENOMEM;
	memory->ops = &dead_ops;
	memory->core = core;
	memory->pagemap = -EBADF;
	*ret = memory;
	return 0;
}

int memory_open_pid(pid_t pid, struct memory **ret)
{
	_cleanup_close_ int fd = -EBADF;
	struct memory *memory;
	char path[64];

	/* the kernel asks the same permission for this file as for process_vm_readv, and says no here */
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : errno == EACCES ? -EPERM : -errno;
	memory = calloc(1, sizeof(*memory));
	if (!memory)
		return -ENOMEM;
	memory->ops = &live_ops;
	memory->pid = pid;
	memory->pagemap = -EBADF;
	*ret = memory;
	return 0;
}

static const struct memory_piece *pieces_find(const struct memory *memory, uint64_t address)
{
	size_t low = 0, high = memory->n_pieces;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct memory_piece *piece = &memory->pieces[middle];

		if (address < piece->start)
			high = middle;
		else if (address - piece->start >= piece->size)
			low = middle + 1;
		else
			return piece;
	}
	return NULL;
}

static int pieces_read(struct memory *memory, uint64_t address, void *buffer, size_t size)
{
	size_t done = 0;

	while (done < size) {
		const struct memory_piece *piece = pieces_find(memory, address + done);
		size_t offset, n;

		if (!piece)
			return -EFAULT;
		offset = address + done - piece->start;
		n = MIN(piece->size - offset, size - done);
		memcpy((char *)buffer + done, (const char *)piece->bytes + offset, n);
		done += n;
	}
	return 0;
}

static int pieces_pages(struct memory *memory, uint64_t address, size_t n, uint8_t *ret)
{
	for (size_t i = 0; i < n; i++)
		ret[i] = pieces_find(memory, address + i * MEMORY_PAGE_SIZE) ? MEMORY_RESIDENT
									     : MEMORY_ABSENT;
	return 0;
}

static void pieces_close(struct memory *memory)
{
	free(memory->pieces);
}

static const struct memory_ops pieces_ops = {pieces_read, pieces_pages, pieces_close};

struct memory *memory_new_pieces(const struct memory_piece *pieces, size_t n_pieces)
{
	struct memory *memory = calloc(1, sizeof(*memory));

	if (!memory)
		return NULL;
	memory->ops = &pieces_ops;
	memory->pagemap = -EBADF;
	memory->pieces = calloc(n_pieces ?: 1, sizeof(*pieces));
	if (!memory->pieces) {
		free(memory);
		return NULL;
	}
	if (n_pieces)
		memcpy(memory->pieces, pieces, n_pieces * sizeof(*pieces));
	memory->n_pieces = n_pieces;
	return memory;
}

struct memory *memory_free(struct memory *memory)
{
	if (!memory)
		return NULL;
	memory->ops->close(memory);
	free(memory);
	return NULL;
}

int memory_read(struct memory *memory, uint64_t address, void *buffer, size_t size)
{
	uint64_t end;

	if (__builtin_add_overflow(address, size, &end))
		return -EFAULT;
	return memory->ops->read(memory, address, buffer, size);
}

int memory_pages(struct memory *memory, uint64_t address, size_t n, uint8_t *ret)
{
	uint64_t end;

	if (address % MEMORY_PAGE_SIZE || n > SIZE_MAX / MEMORY_PAGE_SIZE ||
	    __builtin_add_overflow(address, (uint64_t)n * MEMORY_PAGE_SIZE - (n > 0), &end))
		return -EINVAL;
	return memory->ops->pages(memory, address, n, ret);
}

int memory_read_present(struct memory *memory, uint64_t address, void *buffer, size_t size)
{
	uint64_t page = ALIGN_DOWN(address, (uint64_t)MEMORY_PAGE_SIZE), end;
	uint8_t pages[64];
	size_t n;
	int r;

	if (__builtin_add_overflow(address, size, &end))
		return -EFAULT;
	for (; page < end; page += n * MEMORY_PAGE_SIZE) {
		n = (size_t)MIN(DIV_ROUND_UP(end - page, (uint64_t)MEMORY_PAGE_SIZE),
				(uint64_t)ARRAY_SIZE(pages));
		r = memory_pages(memory, page, n, pages);
		if (r < 0)
			return r;
		for (size_t i = 0; i < n; i++)
			if (!(pages[i] & MEMORY_RESIDENT))
				return -EFAULT;
	}
	return memory->ops->read(memory, address, buffer, size);
}
