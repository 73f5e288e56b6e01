/* SPDX-License-Identifier: MIT */
/*
 * file.c: whole files in, whole files out.
 *
 * Reading believes read alone: the size of a file in /proc is 0, and a file may grow while it is read.
 * Each step asks for more than the last, so that smaps of a large process, which the kernel produces
 * anew at each call, takes few of them.
 *
 * Writing goes through a temporary name in the same folder and rename(2), which replaces in one step.
 * There is no fsync: it costs 25 ms a file on a busy disk, where a program has hundreds of children that
 * leave a session each. If the machine crashes right after, the file may be found empty or in part, and
 * readers notice that by its checksum.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macro.h"

enum { FILE_FIRST = 4096, FILE_MODE = 0666 };

int file_read_fd(int fd, size_t max, char **ret, size_t *ret_size)
{
	_cleanup_free_ char *bytes = NULL;
	size_t size = 0, capacity = FILE_FIRST;
	struct stat st;
	char *grown;
	ssize_t n;

	/* a hint only: one more than the size, so that the end is seen without growing */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
		capacity = MIN((uint64_t)st.st_size, (uint64_t)max) + 2;
	for (;;) {
		if (!bytes || size + 1 >= capacity) {
			if (bytes)
				capacity *= 2;
			grown = realloc(bytes, capacity);
			if (!grown)
				return -ENOMEM;
			bytes = grown;
		}
		n = read(fd, bytes + size, capacity - size - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		size += (size_t)n;
		if (size > max)
			return -EFBIG;
	}
	bytes[size] = '\0';
	*ret = TAKE_PTR(bytes);
	if (ret_size)
		*ret_size = size;
	return 0;
}

int file_read(const char *path, size_t max, char **ret, size_t *ret_size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	return file_read_fd(fd, max, ret, ret_size);
}

ssize_t file_pread(int fd, void *buffer, size_t size, uint64_t offset)
{
	size_t done = 0;
	ssize_t n;

	if (offset > INT64_MAX || size > SSIZE_MAX)
		return -EINVAL;
	while (done < size) {
		n = pread(fd, (char *)buffer + done, size - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int file_write_fd(int fd, const void *bytes, size_t size)
{
	size_t done = 0;
	ssize_t n;

	while (done < size) {
		n = write(fd, (const char *)bytes + done, size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

/* Opens a new file beside path; the name is tried until it is free. */
static int draft_open(struct file_draft *draft)
{
	int r = -EEXIST;
	unsigned i;

	for (i = 0; i < 100; i++) {
		free(draft->temp);
		if (asprintf(&draft->temp, "%s.%d.%u.tmp", draft->path, (int)getpid(), i) < 0) {
			draft->temp = NULL;
			return -ENOMEM;
		}
		draft->fd = open(draft->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
		if (draft->fd >= 0)
			return 0;
		r = -errno;
		if (r != -EEXIST)
			break;
	}
	free(draft->temp);
	draft->temp = NULL;
	return r;
}

int file_draft_init(struct file_draft *draft, const char *path)
{
	struct stat st;
	bool exists;

	*draft = (struct file_draft){.fd = -EBADF};
	exists = stat(path, &st) == 0;
	if (!exists && errno != ENOENT)
		return -errno;
	if (exists && S_ISDIR(st.st_mode))
		return -EISDIR;
	/* a link stays, and what it leads to is replaced */
	draft->path = exists && S_ISREG(st.st_mode) ? realpath(path, NULL) : strdup(path);
	if (!draft->path)
		return -errno;
	if (!exists || S_ISREG(st.st_mode))
		return draft_open(draft);
	draft->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	return draft->fd < 0 ? -errno : 0;
}

void file_draft_deinit(struct file_draft *draft)
{
	cleanup_close(&draft->fd);
	if (draft->temp)
		unlink(draft->temp);
	free(draft->temp);
	free(draft->path);
	*draft = (struct file_draft){.fd = -EBADF};
}

int file_draft_commit(struct file_draft *draft)
{
	int fd;

	/* network file systems tell of a full disk here */
	fd = TAKE_FD(draft->fd);
	if (close(fd) < 0 && errno != EINTR)
		return -errno;
	if (!draft->temp)
		return 0;
	if (rename(draft->temp, draft->path) < 0)
		return -errno;
	free(draft->temp);
	draft->temp = NULL;
	return 0;
}

int file_write(const char *path, const void *bytes, size_t size)
{
	_cleanup_(file_draft_deinit) struct file_draft draft;
	int r;

	r = file_draft_init(&draft, path);
	if (r < 0)
		return r;
	r = file_write_fd(draft.fd, bytes, size);
	if (r < 0)
		return r;
	return file_draft_commit(&draft);
}
