/* SPDX-License-Identifier: MIT */
/*
 * core-maps.c: see the header.
 *
 * A core has its mappings twice, and neither list is whole. The kernel writes a segment for each of
 * them, also for those that it does not dump, but without names; gdb leaves out what it does not dump.
 * NT_FILE has names and offsets, but only of files. So the two are laid over each other, and every
 * stretch between two ends of either becomes a mapping. What is mapped from a file and is in no segment
 * is given the flags that the file's own program headers ask for.
 *
 * Names that only the kernel knows are found by what must lie there: [stack] holds the auxiliary
 * vector's strings, [vdso] is where the vector says, and [heap] is the first anonymous memory behind the
 * program, within the distance by which the kernel moves the beginning of the heap at random. It is
 * several mappings side by side where parts of it were advised to have huge pages or not to be dumped.
 */
#include "process/core-maps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/grow.h"
#include "base/macro.h"
#include "process/memory.h"

/* arch_randomize_brk: 32 MiB on x86-64, 1 GiB on aarch64. */
static const uint64_t heap_distance = 1ull << 30;
static const uint64_t vsyscall = 0xffffffffff600000;

struct builder {
	const struct core_image *image;
	struct core_files *files;
	const struct core_notes *notes;
	struct maps maps;
};

static bool begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* What the kernel's name of a mapping says of it. */
static int set_path(struct mapping *mapping, const char *path)
{
	static const char deleted[] = " (deleted)";
	size_t length = strlen(path), suffix = sizeof(deleted) - 1;

	mapping->deleted = length > suffix && !strcmp(path + length - suffix, deleted);
	mapping->path = strndup(path, mapping->deleted ? length - suffix : length);
	if (!mapping->path)
		return -ENOMEM;
	mapping->shared = begins_with(path, "/memfd:") || begins_with(path, "/dev/shm/") ||
			  begins_with(path, "/SYSV") || begins_with(path, "/dev/zero");
	return 0;
}

static struct mapping *add_mapping(struct builder *builder)
{
	struct maps *maps = &builder->maps;

	if (GROW(maps->mappings, maps->n_mappings) < 0)
		return NULL;
	maps->mappings[maps->n_mappings] = (struct mapping){0};
	return &maps->mappings[maps->n_mappings];
}

/* [start, end) of a segment or of a file or of both; the one that is not there is NULL. */
static int add_piece(struct builder *builder, uint64_t start, uint64_t end,
		     const struct core_segment *segment, const struct core_range *range)
{
	struct mapping *mapping = add_mapping(builder);
	const struct core_file *file = NULL;
	uint32_t flags;
	int r;

	if (!mapping)
		return -ENOMEM;
	r = set_path(mapping, range ? range->path : "");
	if (r < 0)
		return r;
	builder->maps.n_mappings++;
	if (range)
		file = core_files_get(builder->files, range);
	flags = segment ? segment->flags : core_files_flags(builder->files, range);
	mapping->start = start;
	mapping->end = end;
	mapping->read = flags & PF_R;
	mapping->write = flags & PF_W;
	mapping->exec = flags & PF_X;
	mapping->kernel_page_size = MEMORY_PAGE_SIZE;
	if (!file)
		return 0;
	mapping->offset = range->offset + (start - range->start);
	mapping->inode = file->state == CORE_FILE_THERE ? file->inode : 0;
	mapping->dev_major = file->state == CORE_FILE_THERE ? major(file->device) : 0;
	mapping->dev_minor = file->state == CORE_FILE_THERE ? minor(file->device) : 0;
	return 0;
}

static int lay_over(struct builder *builder)
{
	const struct core_segment *segment = builder->image->segments,
				  *last_segment = segment + builder->image->n_segments;
	const struct core_range *range = builder->notes->ranges,
				*last_range = range + builder->notes->n_ranges;
	uint64_t at = 0;
	int r = 0;

	while (r == 0 && (segment < last_segment || range < last_range)) {
		uint64_t segment_start = segment < last_segment ? segment->start : UINT64_MAX;
		uint64_t range_start = range < last_range ? range->start : UINT64_MAX;
		uint64_t start = MAX(at, MIN(segment_start, range_start));
		bool in_segment = segment_start <= start, in_range = range_start <= start;
		uint64_t end = MIN(in_segment ? segment->end : segment_start,
				   in_range ? range->end : range_start);

		if (in_segment || in_range)
			r = add_piece(builder, start, end, in_segment ? segment : NULL,
				      in_range ? range : NULL);
		at = end;
		segment += segment < last_segment && segment->end <= at;
		range += range < last_range && range->end <= at;
	}
	return r;
}

static struct mapping *find(struct maps *maps, uint64_t address)
{
	return (struct mapping *)maps_find(maps, address);
}

static uint64_t auxv(const struct core_notes *notes, uint64_t type)
{
	for (size_t i = 0; i < notes->n_auxv; i++)
		if (notes->auxv[2 * i] == type)
			return notes->auxv[2 * i + 1];
	return 0;
}

static int rename_to(struct mapping *mapping, const char *name)
{
	char *copy;

	if (!mapping || mapping->path[0])
		return 0;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	free(mapping->path);
	mapping->path = copy;
	return 0;
}

/* The first anonymous memory behind the program that does not touch it, as its bss would. */
static struct mapping *find_heap(struct maps *maps, uint64_t program)
{
	struct mapping *mapping = program ? find(maps, program) : NULL;
	struct mapping *last = maps->mappings + maps->n_mappings, *at;
	uint64_t end;

	if (!mapping || mapping->path[0] != '/')
		return NULL;
	end = mapping->end;
	for (at = mapping + 1; at < last; at++) {
		bool is_program = !strcmp(at->path, mapping->path);

		if (!is_program && (at->start != end || at->path[0]))
			break;
		end = at->end;
	}
	if (at == last || at->path[0] || !at->write || at->start - end > heap_distance)
		return NULL;
	return at;
}

static int name_heap(struct maps *maps, struct mapping *heap)
{
	const struct mapping *last = maps->mappings + maps->n_mappings;
	int r = rename_to(heap, "[heap]");

	for (; r == 0 && heap && heap + 1 < last && heap[1].start == heap->end && heap[1].write &&
	       !heap[1].path[0];
	     heap++)
		r = rename_to(&heap[1], "[heap]");
	return r;
}

/* The kernel's data for [vdso] lies right in front of it, and is never dumped. */
static int name_before(struct maps *maps, const struct mapping *vdso)
{
	int r = 0;

	if (!vdso)
		return 0;
	for (struct mapping *at = maps->mappings + (vdso - maps->mappings);
	     r == 0 && at > maps->mappings && at[-1].end == at->start && !at[-1].write &&
	     !at[-1].path[0];
	     at--)
		r = rename_to(&at[-1], "[vvar]");
	return r;
}

static int name_special(struct maps *maps, const struct core_notes *notes)
{
	uint64_t program = auxv(notes, AT_PHDR);
	int r;

	r = rename_to(find(maps, auxv(notes, AT_RANDOM)), "[stack]");
	if (r == 0)
		r = rename_to(find(maps, auxv(notes, AT_SYSINFO_EHDR)), "[vdso]");
	if (r == 0)
		r = name_before(maps, find(maps, auxv(notes, AT_SYSINFO_EHDR)));
	if (r == 0)
		r = rename_to(find(maps, vsyscall), "[vsyscall]");
	if (r == 0)
		r = name_heap(maps, find_heap(maps, program ? program : auxv(notes, AT_ENTRY)));
	return r;
}

int core_maps_build(const struct core_image *image, struct core_files *files,
		    const struct core_notes *notes, struct maps *ret)
{
	struct builder builder = {.image = image, .files = files, .notes = notes};
	int r;

	r = lay_over(&builder);
	if (r == 0)
		r = name_special(&builder.maps, notes);
	if (r < 0) {
		maps_deinit(&builder.maps);
		return r;
	}
	*ret = builder.maps;
	return 0;
}

/* Bytes of pages of [start, end) that hold anything. */
static uint64_t count_held(const struct core_segment *segment, uint64_t start, uint64_t end)
{
	uint64_t bytes = 0, last;

	if (start == segment->start && end == segment->end)
		return segment->held_bytes;
	last = (MIN(end - segment->start, segment->dumped) + MEMORY_PAGE_SIZE - 1) /
	       MEMORY_PAGE_SIZE;
	for (uint64_t i = (start - segment->start) / MEMORY_PAGE_SIZE; i < last; i++)
		if (segment->held[i / 64] >> i % 64 & 1)
			bytes += MEMORY_PAGE_SIZE;
	return bytes;
}

/*
 * gdb writes memory without any permission, guards and reservations, as memory that can be read, with zeros
 * in it. Nobody maps zeros that he can only read.
 */
static bool is_unreadable(const struct core_segment *segment, const struct mapping *mapping)
{
	return !mapping->path[0] && !mapping->write && !mapping->exec && segment->dumped &&
	       !segment->held_bytes;
}

int core_maps_measure(struct core_image *image, struct maps *maps)
{
	for (size_t i = 0; i < maps->n_mappings; i++) {
		struct mapping *mapping = &maps->mappings[i];
		struct core_segment *segment = core_image_find(image, mapping->start);
		int r;

		mapping->has_usage = true;
		if (!segment)
			continue;
		r = core_image_look(image, segment);
		if (r < 0)
			return r;
		if (is_unreadable(segment, mapping))
			mapping->read = false;
		mapping->rss = mapping->pss = count_held(segment, mapping->start, mapping->end);
		if (mapping->shared)
			mapping->shared_dirty = mapping->rss;
		else
			mapping->private_dirty = mapping->anonymous = mapping->rss;
	}
	return 0;
}
