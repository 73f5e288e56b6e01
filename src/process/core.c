/* SPDX-License-Identifier: MIT */
/*
 * core.c: what is left of a process in a core file, put together from its segments (core-image), its
 * notes (core-notes), the files that were mapped (core-files), the mappings that follow (core-maps) and the
 * words at the base of the stack (core-arguments).
 */
#include "process/core.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "process/core-arguments.h"
#include "process/core-files.h"
#include "process/core-image.h"
#include "process/core-maps.h"
#include "process/core-notes.h"
#include "process/memory.h"

enum { NOTES_MAX = 256 << 20 };

/* No core takes longer to write; of a large one, so many bytes come each second. */
static const double WRITING_S = 60, WRITING_BYTES_PER_S = 20 << 20;

struct core {
	struct core_image image;
	struct core_notes notes;
	struct core_files files;
	struct maps maps;
	struct procinfo info;
};

struct core *core_free(struct core *core)
{
	if (!core)
		return NULL;
	procinfo_deinit(&core->info);
	maps_deinit(&core->maps);
	core_files_deinit(&core->files);
	core_notes_deinit(&core->notes);
	core_image_deinit(&core->image);
	free(core);
	return NULL;
}

static int read_notes(struct core *core)
{
	for (size_t i = 0; i < core->image.n_notes; i++) {
		const Elf64_Phdr *header = &core->image.notes[i];
		_cleanup_free_ char *bytes = NULL;
		int r;

		if (header->p_filesz > MIN((uint64_t)NOTES_MAX, core->image.size) ||
		    header->p_offset > core->image.size - header->p_filesz)
			return -EBADMSG;
		bytes = malloc(header->p_filesz + 1);
		if (!bytes)
			return -ENOMEM;
		if (pread(core->image.fd, bytes, header->p_filesz, (off_t)header->p_offset) !=
		    (ssize_t)header->p_filesz)
			return -EBADMSG;
		r = core_notes_parse(&core->notes, bytes, header->p_filesz);
		if (r < 0)
			return r;
	}
	return core->notes.n_threads || core->notes.has_process ? 0 : -EBADMSG;
}

uint64_t core_auxv(const struct core *core, uint64_t type, uint64_t or_else)
{
	for (size_t i = 0; i < core->notes.n_auxv; i++)
		if (core->notes.auxv[2 * i] == type)
			return core->notes.auxv[2 * i + 1];
	return or_else;
}

/* The path of the program's own file; NULL if the core does not tell. */
static const char *find_program(const struct core *core)
{
	uint64_t address = core_auxv(core, AT_PHDR, core_auxv(core, AT_ENTRY, 0));

	for (size_t i = 0; address && i < core->notes.n_ranges; i++)
		if (core->notes.ranges[i].start <= address && address < core->notes.ranges[i].end)
			return core->notes.ranges[i].path;
	return NULL;
}

static int fill_info(struct core *core, const char *program)
{
	struct procinfo *info = &core->info;
	int r;

	*info = (struct procinfo){
		.pid = core->notes.pid,
		.ppid = core->notes.ppid,
		.uid = core->notes.uid,
		.state = 'C',
		.n_threads = (uint32_t)core->notes.n_threads,
		.rss = UINT64_MAX,
		.pss = UINT64_MAX,
		.uss = UINT64_MAX,
		.swap = UINT64_MAX,
		.peak_rss = UINT64_MAX,
		.cgroup_limit = UINT64_MAX,
	};
	if (!info->pid && core->notes.n_threads)
		info->pid = core->notes.threads[0].tid;
	memcpy(info->comm, core->notes.name, sizeof(info->comm) - 1);
	for (size_t i = 0; i < core->maps.n_mappings; i++)
		info->vsz += core->maps.mappings[i].end - core->maps.mappings[i].start;
	if (program) {
		info->exe = strdup(program);
		if (!info->exe)
			return -ENOMEM;
	}
	r = core_arguments_read(core, &core->image, &core->notes, &info->cmdline);
	if (r == 0)
		r = core_arguments_cut(&core->notes, &info->cmdline);
	return MIN(r, 0);
}

/* Takes fd over. */
static int open_core(int fd, const char *exe, struct core **ret)
{
	_cleanup_(core_freep) struct core *core = calloc(1, sizeof(*core));
	const char *program;
	int r;

	if (!core) {
		close(fd);
		return -ENOMEM;
	}
	r = core_image_init(&core->image, fd);
	if (r < 0)
		return r;
	r = read_notes(core);
	if (r < 0)
		return r;
	program = find_program(core);
	r = core_files_init(&core->files, &core->image, &core->notes, program, exe);
	if (r < 0)
		return r;
	r = core_maps_build(&core->image, &core->files, &core->notes, &core->maps);
	if (r < 0)
		return r;
	r = fill_info(core, program);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(core);
	return 0;
}

int core_open(const char *path, const char *exe, struct core **ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	return fd < 0 ? -errno : open_core(fd, exe, ret);
}

int core_open_fd(int fd, const char *exe, struct core **ret)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	return copy < 0 ? -errno : open_core(copy, exe, ret);
}

const struct procinfo *core_info(const struct core *core)
{
	return &core->info;
}

const struct maps *core_maps(const struct core *core)
{
	return &core->maps;
}

const struct core_thread *core_threads(const struct core *core, size_t *ret_n)
{
	*ret_n = core->notes.n_threads;
	return core->notes.threads;
}

int core_signal(const struct core *core)
{
	/* gdb stops the process for a while; that ends nothing */
	return core->notes.signal == SIGSTOP ? 0 : core->notes.signal;
}

static double seconds_of(const struct statx_timestamp *time)
{
	return (double)time->tv_sec + (double)time->tv_nsec / 1e9;
}

double core_taken_at(const struct core *core)
{
	struct statx st;
	double created, written;

	if (statx(core->image.fd, "", AT_EMPTY_PATH, STATX_MTIME | STATX_BTIME | STATX_SIZE, &st) <
	    0)
		return 0;
	written = seconds_of(&st.stx_mtime);
	created = seconds_of(&st.stx_btime);
	if (!(st.stx_mask & STATX_BTIME) || created > written ||
	    written - created > MAX(WRITING_S, (double)st.stx_size / WRITING_BYTES_PER_S))
		return written;
	return created;
}

void core_damage(const struct core *core, struct core_damage *ret)
{
	*ret = (struct core_damage){.missing_bytes = core->image.missing};
	for (size_t i = 0; i < core->files.n_files; i++) {
		const struct core_file *file = &core->files.files[i];

		if (!file->wanted)
			continue;
		ret->n_absent_files += file->state == CORE_FILE_ABSENT;
		ret->n_replaced_files += file->state == CORE_FILE_REPLACED;
		if (!ret->file && file->state != CORE_FILE_THERE)
			ret->file = file->path;
	}
}

int core_measure(struct core *core)
{
	struct procinfo *info = &core->info;
	int r = core_maps_measure(&core->image, &core->maps);

	if (r < 0)
		return r;
	info->rss = info->pss = info->uss = info->swap = 0;
	for (size_t i = 0; i < core->maps.n_mappings; i++) {
		info->rss += core->maps.mappings[i].rss;
		info->uss += core->maps.mappings[i].private_dirty;
	}
	info->pss = info->rss;
	return 0;
}

uint64_t core_zero_bytes(const struct core *core)
{
	return core->image.zeros;
}

/* Reads up to where the kind of memory at address ends; returns how much. */
static int read_piece(struct core *core, uint64_t address, void *buffer, size_t size,
		      size_t *ret_size)
{
	const struct core_segment *segment = core_image_find(&core->image, address);
	const struct core_range *range;

	if (segment && address - segment->start < segment->dumped) {
		*ret_size = (size_t)MIN(size, segment->start + segment->dumped - address);
		return core_image_read(&core->image, segment, address, buffer, *ret_size);
	}
	range = core_files_find(&core->files, address);
	if (!range)
		return -EFAULT;
	/* up to the next segment, which may have been dumped */
	*ret_size = (size_t)MIN(size, range->end - address);
	if (segment)
		*ret_size = (size_t)MIN(*ret_size, segment->end - address);
	else
		*ret_size = MIN(*ret_size, MEMORY_PAGE_SIZE - address % MEMORY_PAGE_SIZE);
	return core_files_read(&core->files, range, address, buffer, *ret_size);
}

int core_read(struct core *core, uint64_t address, void *buffer, size_t size)
{
	size_t done = 0, some;
	int r;

	while (done < size) {
		r = read_piece(core, address + done, (char *)buffer + done, size - done, &some);
		if (r < 0)
			return r;
		done += some;
	}
	return 0;
}

int core_pages(struct core *core, uint64_t address, size_t n, uint8_t *ret)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t at = address + i * MEMORY_PAGE_SIZE;
		struct core_segment *segment = core_image_find(&core->image, at);
		uint64_t page;
		int r;

		ret[i] = MEMORY_ABSENT;
		if (!segment || at - segment->start >= segment->dumped)
			continue;
		r = core_image_look(&core->image, segment);
		if (r < 0)
			return r;
		page = (at - segment->start) / MEMORY_PAGE_SIZE;
		if (segment->held[page / 64] >> page % 64 & 1)
			ret[i] = MEMORY_RESIDENT;
	}
	return 0;
}
