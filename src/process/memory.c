/* SPDX-License-Identifier: MIT */
/*
 * memory.c: the bytes of another process, wherever they are.
 *
 * A memory is a table of operations and what they need, so that readers (the unwinder, the walk over an
 * allocator's structures) do not know whether the process lives or has left a core file. Here is the
 * living one: process_vm_readv(2) stops nobody and asks the same permission as ptrace.
 */
#include "process/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "base/cleanup.h"

struct memory_ops {
	int (*read)(struct memory *memory, uint64_t address, void *buffer, size_t size);
	void (*close)(struct memory *memory);
};

struct memory {
	const struct memory_ops *ops;
	pid_t pid; /* live */
};

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

static void live_close(struct memory *memory)
{
}

static const struct memory_ops live_ops = {live_read, live_close};

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
	*ret = memory;
	return 0;
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
