/* SPDX-License-Identifier: MIT */
/*
 * images.c: the first mapping of an image begins with its ELF header, and the program headers behind it
 * say how much memory each segment takes; what goes beyond the file is anonymous. The header stands in
 * the process's memory, so the file is not needed; it may be gone or be another one by now.
 */
#include "process/images.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "process/segments.h"

enum { SEGMENTS_MAX = 64, DESCRIPTOR_TID = 0x2d0, DESCRIPTOR_ALIGN = 64 };
static const uint64_t adjacent_max = 1 << 20, loader_max = 1 << 20;

static bool is_anonymous(const struct mapping *mapping)
{
	return mapping->path[0] == '\0' && !mapping->shared;
}

static bool same_file(const struct mapping *one, const struct mapping *other)
{
	return one->inode == other->inode && one->dev_major == other->dev_major &&
	       one->dev_minor == other->dev_minor;
}

/* An image whose header lies at start. */
struct image {
	struct memory *memory;
	uint64_t start;
};

static bool fetch_image(void *from, uint64_t offset, void *buffer, size_t size)
{
	const struct image *image = from;

	return offset <= MEMORY_PAGE_SIZE &&
	       areas_read(image->memory, image->start + offset, buffer, size);
}

/* One past the last byte that the image whose header lies at start takes; 0 if it cannot be read. */
static uint64_t read_extent(struct memory *memory, uint64_t start)
{
	Elf64_Phdr segments[SEGMENTS_MAX];
	struct image image = {memory, start};
	const size_t n = segments_read(fetch_image, &image, segments, SEGMENTS_MAX);
	uint64_t low, high;

	return segments_extent(segments, n, &low, &high) ? start - low + high : 0;
}

static int add_part(struct areas *areas, uint64_t start, uint64_t end, const char *label)
{
	struct area *area = areas_add(areas);

	if (!area)
		return -ENOMEM;
	area->start = start;
	area->end = end;
	area->kind = AREA_IMAGE;
	snprintf(area->label, sizeof(area->label), "%s", label);
	return 0;
}

/* The anonymous parts of an image: what lies between its mappings and behind the last. */
static int add_image(const struct maps *maps, struct memory *memory, size_t first,
		     struct areas *areas)
{
	const struct mapping *head = &maps->mappings[first];
	const uint64_t extent = read_extent(memory, head->start);
	const char *slash = strrchr(head->path, '/');
	uint64_t end = head->end;
	char label[AREA_LABEL_MAX];

	snprintf(label, sizeof(label), "bss of %s", slash ? slash + 1 : head->path);

	for (size_t i = first + 1; i < maps->n_mappings; i++) {
		const struct mapping *mapping = &maps->mappings[i];
		uint64_t limit = extent;
		int r;

		if (!extent)
			limit = mapping->start == end && mapping->end - end <= adjacent_max
					? mapping->end
					: 0;
		if (same_file(mapping, head) && mapping->path[0] == '/' && mapping->offset > 0) {
			end = mapping->end;
			continue;
		}
		if (!is_anonymous(mapping) || mapping->start >= limit)
			break;
		r = add_part(areas, mapping->start, MIN(mapping->end, limit), label);
		if (r < 0)
			return r;
		end = mapping->end;
	}
	return 0;
}

/* Whether the file has a part that can be executed: then it is an image. */
static bool is_image(const struct maps *maps, size_t first)
{
	const struct mapping *head = &maps->mappings[first];

	if (head->path[0] != '/' || head->offset != 0 || head->shared)
		return false;
	for (size_t i = first; i < maps->n_mappings; i++) {
		const struct mapping *mapping = &maps->mappings[i];

		if (mapping->path[0] == '/' && !same_file(mapping, head))
			return false;
		if (mapping->exec && mapping->path[0] == '/')
			return true;
	}
	return false;
}

/* Whether the page at address holds the main thread's descriptor, see pthreads.c. */
static bool has_main_descriptor(struct memory *memory, uint64_t address, pid_t pid)
{
	uint64_t words[MEMORY_PAGE_SIZE / 8];

	if (memory_read(memory, address, words, sizeof(words)) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(words); i += DESCRIPTOR_ALIGN / 8) {
		const uint64_t self = address + i * 8;
		int32_t tid;

		if (words[i] == self && words[i + 2] == self &&
		    memory_read(memory, self + DESCRIPTOR_TID, &tid, sizeof(tid)) >= 0 &&
		    tid == pid)
			return true;
	}
	return false;
}

/* The loader's own first allocations stand right below the kernel's pages, and its TLS above libc's. */
/* The loader's own first allocations stand right below the kernel's pages; the other is its TLS. */
static bool is_loaders(struct memory *memory, const struct mapping *mapping, pid_t pid)
{
	if (strncmp(mapping[1].path, "[vvar", 5) == 0 && mapping[1].start == mapping->end)
		return true;
	for (uint64_t at = mapping->start; at < mapping->end; at += MEMORY_PAGE_SIZE) {
		uint8_t page;

		if (memory_pages(memory, at, 1, &page) >= 0 && (page & MEMORY_RESIDENT) &&
		    has_main_descriptor(memory, at, pid))
			return true;
	}
	return false;
}

static int add_loaders(pid_t pid, const struct maps *maps, struct memory *memory,
		       struct areas *areas)
{
	int r = 0;

	for (size_t i = 0; i + 1 < maps->n_mappings && r >= 0; i++) {
		const struct mapping *mapping = &maps->mappings[i];

		if (is_anonymous(mapping) && mapping->write &&
		    mapping->end - mapping->start <= loader_max && is_loaders(memory, mapping, pid))
			r = add_part(areas, mapping->start, mapping->end, "the loader's memory");
	}
	return r;
}

int images_find(pid_t pid, const struct maps *maps, struct memory *memory, struct areas *areas)
{
	for (size_t i = 0; i < maps->n_mappings; i++) {
		int r;

		if (!is_image(maps, i))
			continue;
		r = add_image(maps, memory, i, areas);
		if (r < 0)
			return r;
	}
	return add_loaders(pid, maps, memory, areas);
}
