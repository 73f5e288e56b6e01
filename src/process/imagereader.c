/* SPDX-License-Identifier: MIT */
/*
 * imagereader.c: see the header.
 *
 * A private page of a file that is neither present nor swapped out was never written to: it is as in the
 * file. That is how constants are read without making the target any larger. The file is opened below the
 * process's own root. One that was deleted is another file now, or none.
 */
#include "process/imagereader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/grow.h"
#include "base/macro.h"
#include "base/strbuf.h"

void imagereader_init(struct imagereader *reader, const struct space *space)
{
	*reader = (struct imagereader){.space = space};
}

void imagereader_deinit(struct imagereader *reader)
{
	for (size_t i = 0; i < reader->n_files; i++)
		cleanup_close(&reader->files[i].fd);
	free(reader->files);
	*reader = (struct imagereader){0};
}

bool imagereader_is_constant(const struct imagereader *reader, uint64_t address)
{
	const struct mapping *mapping = maps_find(reader->space->maps, address);

	return mapping && mapping->read && !mapping->write && mapping->path[0] == '/';
}

static int open_file(const struct imagereader *reader, const struct mapping *mapping)
{
	_cleanup_(strbuf_deinit) struct strbuf path = {};
	_cleanup_close_ int fd = -EBADF;
	struct stat st;

	if (mapping->deleted)
		return -ENOENT;
	if (strbuf_addf(&path, "/proc/%d/root%s", (int)reader->space->pid, mapping->path) < 0)
		return -ENOMEM;
	fd = open(strbuf_text(&path), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -ENOENT;
	return TAKE_FD(fd);
}

static int file_of(struct imagereader *reader, const struct mapping *mapping)
{
	/* parts of one file follow each other in the maps, each with its own copy of the path */
	for (size_t i = 0; i < reader->n_files; i++)
		if (!strcmp(reader->files[i].path, mapping->path))
			return reader->files[i].fd;
	if (GROW(reader->files, reader->n_files) < 0)
		return -ENOMEM;
	reader->files[reader->n_files] = (struct imagereader_file){
		.path = mapping->path,
		.fd = open_file(reader, mapping),
	};
	return reader->files[reader->n_files++].fd;
}

/* The page at address, which is a page's beginning, of a living process. */
static int read_live_page(struct imagereader *reader, uint64_t address, char *buffer)
{
	const struct mapping *mapping = maps_find(reader->space->maps, address);
	uint8_t state;
	ssize_t n;
	int r, fd;

	if (!mapping || !mapping->read)
		return -EFAULT;
	r = memory_pages(reader->space->memory, address, 1, &state);
	if (r < 0)
		return r;
	if (state & MEMORY_RESIDENT)
		return memory_read(reader->space->memory, address, buffer, MEMORY_PAGE_SIZE);
	if (state & MEMORY_SWAPPED || mapping->path[0] != '/')
		return -EFAULT;
	fd = file_of(reader, mapping);
	if (fd < 0)
		return -EFAULT;
	n = file_pread(fd, buffer, MEMORY_PAGE_SIZE, mapping->offset + (address - mapping->start));
	if (n <= 0)
		return -EFAULT;
	memset(buffer + n, 0, MEMORY_PAGE_SIZE - (size_t)n);
	return 0;
}

static int read_page(struct imagereader *reader, uint64_t address)
{
	int r;

	if (reader->page == address && address)
		return 0;
	reader->page = 0;
	if (reader->space->core)
		r = memory_read(reader->space->memory, address, reader->page_bytes,
				MEMORY_PAGE_SIZE);
	else
		r = read_live_page(reader, address, reader->page_bytes);
	if (r == 0)
		reader->page = address;
	return r;
}

int imagereader_read(struct imagereader *reader, uint64_t address, void *buffer, size_t size)
{
	char *to = buffer;

	while (size) {
		size_t skip = address % MEMORY_PAGE_SIZE, n = MIN(size, MEMORY_PAGE_SIZE - skip);
		int r = read_page(reader, address - skip);

		if (r < 0)
			return r;
		memcpy(to, reader->page_bytes + skip, n);
		to += n;
		size -= n;
		if (__builtin_add_overflow(address, n, &address) && size)
			return -EFAULT;
	}
	return 0;
}

int imagereader_read_text(struct imagereader *reader, uint64_t address, char *buffer, size_t size)
{
	size_t done = 0;

	while (done < size) {
		size_t n = MIN(size - done, MEMORY_PAGE_SIZE - (address + done) % MEMORY_PAGE_SIZE);
		int r = imagereader_read(reader, address + done, buffer + done, n);

		if (r < 0)
			return r;
		if (memchr(buffer + done, '\0', n))
			return 0;
		done += n;
	}
	return -EFAULT;
}
