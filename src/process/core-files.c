/* SPDX-License-Identifier: MIT */
/*
 * core-files.c: see the header.
 *
 * Code and constants are not dumped, since they stand in files. Those may have been replaced by an
 * update meanwhile, and bytes of another version are worse than none. The kernel dumps the first page of
 * every mapped ELF file, and gdb does the same: a build ID that is found there must be the file's. Where
 * none is found, a file that was not changed since the core was written is believed.
 *
 * Paths come from the core, so only regular files are opened, and nothing that could wait.
 */
#include "process/core-files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/macro.h"
#include "base/map.h"
#include "base/search.h"
#include "process/buildid.h"
#include "process/memory.h"
#include "process/segments.h"

enum { BUILD_ID_MAX = 64, HEADERS_MAX = 256, NOTES_MAX = 16 * 1024, OPEN_MAX_FILES = 256 };

struct build_id {
	size_t size; /* 0: there is none */
	unsigned char bytes[BUILD_ID_MAX];
};

static bool fetch_file(void *from, uint64_t offset, void *buffer, size_t size)
{
	return offset <= INT64_MAX &&
	       file_pread(*(const int *)from, buffer, size, offset) == (ssize_t)size;
}

struct first_page {
	const struct core_image *image;
	const struct core_segment *segment;
	uint64_t address;
};

static bool fetch_core(void *from, uint64_t offset, void *buffer, size_t size)
{
	const struct first_page *page = from;

	return offset <= page->segment->end - page->address &&
	       core_image_read(page->image, page->segment, page->address + offset, buffer, size) ==
		       0;
}

static struct build_id find_build_id(segments_fetch fetch, void *from)
{
	struct build_id id = {0};
	Elf64_Phdr headers[HEADERS_MAX];
	char notes[NOTES_MAX];
	size_t n = segments_read(fetch, from, headers, HEADERS_MAX);

	for (size_t i = 0; i < n && !id.size; i++)
		if (headers[i].p_type == PT_NOTE && headers[i].p_filesz <= NOTES_MAX &&
		    fetch(from, headers[i].p_offset, notes, headers[i].p_filesz))
			id.size = buildid_find(notes, headers[i].p_filesz, id.bytes,
					       sizeof(id.bytes));
	return id;
}

/* The build ID of what was mapped there, if its first page was dumped. */
static struct build_id dumped_build_id(const struct core_files *files, const struct core_file *file)
{
	struct first_page page = {.image = files->image};

	for (size_t i = 0; i < files->notes->n_ranges; i++) {
		const struct core_range *range = &files->notes->ranges[i];

		if (range->offset || &files->files[files->of_range[i]] != file)
			continue;
		page.segment = core_image_find(files->image, range->start);
		page.address = range->start;
		if (page.segment)
			return find_build_id(fetch_core, &page);
	}
	return (struct build_id){0};
}

static void keep_segments(struct core_file *file)
{
	Elf64_Phdr headers[HEADERS_MAX];
	size_t n = segments_read(fetch_file, &file->fd, headers, HEADERS_MAX);

	file->segments = n ? calloc(n, sizeof(*file->segments)) : NULL;
	for (size_t i = 0; file->segments && i < n; i++)
		if (headers[i].p_type == PT_LOAD)
			file->segments[file->n_segments++] = headers[i];
}

static void look_for(struct core_files *files, struct core_file *file)
{
	struct build_id dumped, found;
	struct stat st;

	file->state = CORE_FILE_ABSENT;
	if (file->open_path[0] != '/' && file->open_path == file->path)
		return;
	file->fd = open(file->open_path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (file->fd < 0 || fstat(file->fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	dumped = dumped_build_id(files, file);
	found = dumped.size ? find_build_id(fetch_file, &file->fd) : dumped;
	if (dumped.size != found.size || memcmp(dumped.bytes, found.bytes, dumped.size) != 0 ||
	    (!dumped.size && st.st_mtim.tv_sec > files->written_at)) {
		file->state = CORE_FILE_REPLACED;
		return;
	}
	file->state = CORE_FILE_THERE;
	file->device = st.st_dev;
	file->inode = st.st_ino;
	keep_segments(file);
}

static void find_file(struct core_files *files, struct core_file *file)
{
	look_for(files, file);
	if (file->state == CORE_FILE_THERE && files->n_open < OPEN_MAX_FILES) {
		files->n_open++;
		return;
	}
	cleanup_close(&file->fd);
	file->fd = -EBADF;
}

/* A process may have thousands of files mapped, and we a thousand descriptors. */
static ssize_t read_file(const struct core_file *file, void *buffer, size_t size, uint64_t offset)
{
	_cleanup_close_ int fd = -EBADF;
	struct stat st;

	if (file->fd >= 0)
		return file_pread(file->fd, buffer, size, offset);
	fd = open(file->open_path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_dev != file->device || st.st_ino != file->inode)
		return -EFAULT;
	return file_pread(fd, buffer, size, offset);
}

int core_files_init(struct core_files *files, const struct core_image *image,
		    const struct core_notes *notes, const char *program, const char *exe)
{
	_cleanup_(string_pool_freep) struct string_pool *pool = string_pool_new();
	_cleanup_(map_deinit) struct map known = {};
	struct stat st;

	*files = (struct core_files){.image = image, .notes = notes};
	if (fstat(image->fd, &st) < 0)
		return -errno;
	files->written_at = st.st_mtim.tv_sec;
	files->files = calloc(notes->n_ranges + 1, sizeof(*files->files));
	files->of_range = calloc(notes->n_ranges + 1, sizeof(*files->of_range));
	if (!pool || !files->files || !files->of_range)
		return -ENOMEM;
	for (size_t i = 0; i < notes->n_ranges; i++) {
		const char *path = notes->ranges[i].path;
		const char *name = string_pool_add(pool, path);
		uint64_t *place;
		int r = name ? map_add(&known, (uintptr_t)name, files->n_files, &place) : -ENOMEM;

		if (r < 0)
			return r;
		if (r > 0)
			files->files[files->n_files++] = (struct core_file){
				.path = path,
				.open_path = exe && program && !strcmp(path, program) ? exe : path,
				.fd = -EBADF,
			};
		files->of_range[i] = (uint32_t)*place;
	}
	return 0;
}

void core_files_deinit(struct core_files *files)
{
	for (size_t i = 0; i < files->n_files; i++) {
		cleanup_close(&files->files[i].fd);
		free(files->files[i].segments);
	}
	free(files->files);
	free(files->of_range);
	*files = (struct core_files){0};
}

const struct core_range *core_files_find(const struct core_files *files, uint64_t address)
{
	const struct core_range *ranges = files->notes->ranges;
	const size_t low = SEARCH(files->notes->n_ranges, i, ranges[i].end <= address);

	if (low == files->notes->n_ranges || ranges[low].start > address)
		return NULL;
	return &ranges[low];
}

const struct core_file *core_files_get(struct core_files *files, const struct core_range *range)
{
	struct core_file *file = &files->files[files->of_range[range - files->notes->ranges]];

	if (file->state == CORE_FILE_UNKNOWN)
		find_file(files, file);
	return file;
}

int core_files_read(struct core_files *files, const struct core_range *range, uint64_t address,
		    void *buffer, size_t size)
{
	const struct core_file *file = core_files_get(files, range);
	ssize_t n;

	files->files[files->of_range[range - files->notes->ranges]].wanted = true;
	if (file->state != CORE_FILE_THERE || size > range->end - address)
		return -EFAULT;
	n = read_file(file, buffer, size, range->offset + (address - range->start));
	if (n < 0)
		return -EFAULT;
	/* behind its end a file is mapped as zeros up to the end of the page, and only there */
	if ((size_t)n < size) {
		if (!n || (size_t)n + MEMORY_PAGE_SIZE <= size)
			return -EFAULT;
		memset((char *)buffer + n, 0, size - (size_t)n);
	}
	return 0;
}

uint32_t core_files_flags(struct core_files *files, const struct core_range *range)
{
	const struct core_file *file = core_files_get(files, range);

	for (size_t i = 0; i < (file->segments ? file->n_segments : 0); i++) {
		const Elf64_Phdr *segment = &file->segments[i];

		if (ALIGN_DOWN(segment->p_offset, (uint64_t)MEMORY_PAGE_SIZE) <= range->offset &&
		    range->offset < segment->p_offset + segment->p_filesz)
			return segment->p_flags & (PF_R | PF_W | PF_X);
	}
	return PF_R;
}
