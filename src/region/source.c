/* SPDX-License-Identifier: MIT */
/*
 * source.c: where a region's bytes come from.
 *
 * A memfd that is sealed against shrinking is mapped: no access to it can fault, and 64-bit words are
 * read whole. One that is not sealed could be truncated by a hostile process in the middle of a copy,
 * and the access would raise SIGBUS; it is read with pread instead. Anything else than a memfd is
 * refused: reading from a pipe, or from a file of a dead network server, may never end.
 *
 * A region in another process is found by place.c. Root opens it through map_files; everybody else
 * reads it where it is, with process_vm_readv. Pages that were never touched would come into being
 * by reading them: snapshot.c asks only for parts that the region says are used. A region that is in a core
 * file is read the same way, by whoever can read the core.
 */
#include "region/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/macro.h"
#include "region/place.h"

enum source_kind { SOURCE_MAPPED, SOURCE_FILE, SOURCE_PROCESS, SOURCE_BYTES, SOURCE_READER };

struct source {
	enum source_kind kind;
	int fd;            /* mapped and file */
	const void *bytes; /* mapped and bytes */
	uint64_t size;
	pid_t pid, inner_pid;
	uint64_t address; /* in the process */
	source_read read; /* reader */
	void *userdata;
};

/* What is believed of a region that cannot be asked how full it is. */
static const uint64_t filled_max = 4ull << 30;

static struct source *source_new(enum source_kind kind)
{
	struct source *source = calloc(1, sizeof(*source));

	if (source) {
		source->kind = kind;
		source->fd = -EBADF;
	}
	return source;
}

struct source *source_free(struct source *source)
{
	if (!source)
		return NULL;
	if (source->kind == SOURCE_MAPPED)
		munmap((void *)source->bytes, source->size);
	else
		free((void *)source->bytes);
	cleanup_close(&source->fd);
	free(source);
	return NULL;
}

/* Takes fd over, on failure too. */
static int use_fd(struct source *source, int fd)
{
	struct stat st;
	void *bytes;
	int seals;

	source->fd = fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	seals = fcntl(fd, F_GET_SEALS);
	if (!S_ISREG(st.st_mode) || seals < 0 || st.st_size <= 0)
		return -EPROTO;
	source->kind = SOURCE_FILE;
	source->size = (uint64_t)st.st_size;
	if (seals & F_SEAL_SHRINK) {
		/* may fail under a limit of address space; then it is read like any other */
		bytes = mmap(NULL, source->size, PROT_READ, MAP_SHARED, fd, 0);
		if (bytes != MAP_FAILED) {
			source->bytes = bytes;
			source->kind = SOURCE_MAPPED;
		}
	}
	return 0;
}

int source_open_fd(int fd, struct source **ret)
{
	_cleanup_(source_freep) struct source *source = source_new(SOURCE_FILE);
	int r, copy;

	if (!source)
		return -ENOMEM;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (copy < 0)
		return -errno;
	r = use_fd(source, copy);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(source);
	return 0;
}

int source_open_bytes(const void *bytes, size_t size, struct source **ret)
{
	_cleanup_(source_freep) struct source *source = source_new(SOURCE_BYTES);
	void *copy;

	if (!source)
		return -ENOMEM;
	copy = malloc(size ? size : 1);
	if (!copy)
		return -ENOMEM;
	if (size)
		memcpy(copy, bytes, size);
	source->bytes = copy;
	source->size = size;
	*ret = TAKE_PTR(source);
	return 0;
}

int source_open_reader(source_read read, void *userdata, uint64_t address, uint64_t size,
		       struct source **ret)
{
	struct source *source = source_new(SOURCE_READER);

	if (!source)
		return -ENOMEM;
	source->read = read;
	source->userdata = userdata;
	source->address = address;
	source->size = size;
	*ret = source;
	return 0;
}

int source_open_pid(pid_t pid, struct source **ret)
{
	_cleanup_(source_freep) struct source *source = NULL;
	struct place place;
	int r, fd;

	r = place_find(pid, &place);
	if (r < 0)
		return r;
	source = source_new(SOURCE_PROCESS);
	if (!source)
		return -ENOMEM;
	source->size = place.size;
	fd = place_open(pid, &place);
	r = fd >= 0 ? use_fd(source, fd) : 0;
	if (r < 0)
		return r;
	source->pid = pid;
	source->inner_pid = place_inner_pid(pid);
	source->address = place.start;
	*ret = TAKE_PTR(source);
	return 0;
}

uint64_t source_size(const struct source *source)
{
	return source->size;
}

uint64_t source_filled(const struct source *source)
{
	struct stat st;

	switch (source->kind) {
	case SOURCE_BYTES:
		return source->size;
	case SOURCE_PROCESS:
	case SOURCE_READER:
		return MIN(source->size, filled_max);
	case SOURCE_MAPPED:
	case SOURCE_FILE:
		break;
	}
	/* for memory, st_blocks counts the pages that exist, swapped out or not */
	if (fstat(source->fd, &st) < 0 || st.st_blocks < 0)
		return 0;
	return MIN(source->size, (uint64_t)st.st_blocks * 512);
}

uint64_t source_address(const struct source *source)
{
	return source->address;
}

bool source_outlives(const struct source *source)
{
	return source->kind != SOURCE_PROCESS;
}

pid_t source_inner_pid(const struct source *source)
{
	return source->inner_pid;
}

/*
 * Aligned words one by one, each read whole and in order: an entry begins with the field that makes it
 * visible, so that whoever sees that field sees the others of the same moment or later. What is not a
 * whole word is read as bytes.
 */
static void copy_words(const char *from, char *to, size_t size)
{
	uint64_t word;

	if (((uintptr_t)from & 7) == 0) {
		for (; size >= sizeof(word);
		     from += sizeof(word), to += sizeof(word), size -= sizeof(word)) {
			word = __atomic_load_n((const uint64_t *)from, __ATOMIC_ACQUIRE);
			memcpy(to, &word, sizeof(word));
		}
	}
	for (; size; size--)
		*to++ = (char)__atomic_load_n(from++, __ATOMIC_ACQUIRE);
}

static int copy_process(const struct source *source, uint64_t offset, void *buffer, size_t size)
{
	struct iovec local, remote;
	size_t done = 0;
	ssize_t n;

	while (done < size) {
		local = (struct iovec){(char *)buffer + done, size - done};
		remote.iov_base = (void *)(uintptr_t)(source->address + offset + done);
		remote.iov_len = size - done;
		n = process_vm_readv(source->pid, &local, 1, &remote, 1, 0);
		if (n < 0)
			return errno == EFAULT ? -ENODATA : -errno;
		if (!n)
			return -ENODATA;
		done += (size_t)n;
	}
	return 0;
}

int source_copy(struct source *source, uint64_t offset, void *buffer, size_t size)
{
	ssize_t n;
	int r = 0;

	if (offset > source->size || size > source->size - offset)
		return -ENODATA;
	/* pair with the writer's release stores: whatever is seen published is seen whole by later copies */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	switch (source->kind) {
	case SOURCE_MAPPED:
		copy_words((const char *)source->bytes + offset, buffer, size);
		break;
	case SOURCE_BYTES:
		memcpy(buffer, (const char *)source->bytes + offset, size);
		break;
	case SOURCE_FILE:
		n = file_pread(source->fd, buffer, size, offset);
		r = n < 0 ? (int)n : (size_t)n < size ? -ENODATA : 0;
		break;
	case SOURCE_PROCESS:
		r = copy_process(source, offset, buffer, size);
		break;
	case SOURCE_READER:
		r = source->read(source->userdata, source->address + offset, buffer, size);
		if (r == -EFAULT)
			r = -ENODATA;
		break;
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return r;
}

const void *source_peek(const struct source *source, uint64_t offset, size_t size)
{
	if (source->kind != SOURCE_MAPPED || offset > source->size || size > source->size - offset)
		return NULL;
	return (const char *)source->bytes + offset;
}
