/* SPDX-License-Identifier: MIT */
/*
 * modules-image.c: reading ELF headers where they are mapped.
 *
 * Context: any thread, inside malloc, signal handlers. The caller knows that the module stays; what is
 * read here is only what its headers say is mapped, and its first page, which is asked for.
 */
#include "agent/core/modules-image.h"

#include <elf.h>

#include "agent/core/annotate.h"
#include "agent/core/eh-frame.h"
#include "agent/core/sys.h"

enum { PAGE = 4096, HEADERS_MAX = 256, NAME_MAX_LENGTH = 4096, SEARCH_PAGES = 1 << 16 };

_hidden_ void (*image_annotate)(struct annotate_slots *slots, uintptr_t end);

/* FNV-1a over words, good enough to tell builds of one file from each other */
static uint64_t hash_bytes(uint64_t hash, const void *data, uint64_t size)
{
	const uint8_t *bytes = data;

	for (; size >= 8; size -= 8, bytes += 8) {
		uint64_t word;

		__builtin_memcpy(&word, bytes, 8);
		hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
		hash ^= hash >> 29;
	}
	for (; size > 0; size--, bytes++)
		hash = (hash ^ *bytes) * 0x100000001b3ull;
	return hash;
}

static uint32_t string_length(const char *string)
{
	uint32_t n = 0;

	while (n < NAME_MAX_LENGTH && string[n])
		n++;
	return n;
}

/* The program headers of the image whose ELF header is at start, NULL if there is none. */
static const Elf64_Phdr *find_headers(uintptr_t start, unsigned *ret_n)
{
	const Elf64_Ehdr *elf = (const Elf64_Ehdr *)start;
	uint64_t size;

	if (!IS_ALIGNED(start, (uintptr_t)PAGE) || !sys_is_readable(start, PAGE))
		return NULL;
	if (elf->e_ident[0] != 0x7f || elf->e_ident[1] != 'E' || elf->e_ident[2] != 'L' ||
	    elf->e_ident[3] != 'F' || elf->e_ident[4] != ELFCLASS64)
		return NULL;
	if (elf->e_phentsize != sizeof(Elf64_Phdr) || elf->e_phnum == 0 ||
	    elf->e_phnum > HEADERS_MAX)
		return NULL;
	size = (uint64_t)elf->e_phnum * sizeof(Elf64_Phdr);
	if (elf->e_phoff > (1u << 24) || !IS_ALIGNED(elf->e_phoff, 8ull))
		return NULL;
	if (elf->e_phoff + size > PAGE && !sys_is_readable(start + elf->e_phoff, size))
		return NULL;
	*ret_n = elf->e_phnum;
	return (const Elf64_Phdr *)(start + elf->e_phoff);
}

/* The end of the segment that address is in and that may be written to; 0 if there is none. */
static uintptr_t find_writable(const struct image *image, const Elf64_Phdr *headers, unsigned n,
			       uintptr_t address)
{
	for (unsigned i = 0; i < n; i++) {
		uintptr_t start = image->bias + headers[i].p_vaddr;

		if (headers[i].p_type == PT_LOAD && headers[i].p_flags & PF_W && address >= start &&
		    address - start < headers[i].p_memsz)
			return start + headers[i].p_memsz;
	}
	return 0;
}

/* A note of include/memtrace.h: its data is the distance from there to a table of functions. */
static void read_annotation(const struct image *image, const Elf64_Phdr *headers, unsigned n,
			    const Elf64_Nhdr *note)
{
	const char *owner = (const char *)(note + 1);
	uintptr_t data = (uintptr_t)owner + ALIGN_UP(sizeof(ANNOTATE_OWNER), 4ul), slots, end;
	int32_t distance;

	if (!image_annotate || note->n_type != ANNOTATE_NOTE ||
	    note->n_namesz != sizeof(ANNOTATE_OWNER) || note->n_descsz < sizeof(distance))
		return;
	for (unsigned i = 0; i < sizeof(ANNOTATE_OWNER); i++)
		if (owner[i] != ANNOTATE_OWNER[i])
			return;
	__builtin_memcpy(&distance, (const void *)data, sizeof(distance));
	slots = data + (uintptr_t)(intptr_t)distance;
	end = find_writable(image, headers, n, slots);
	if (end)
		image_annotate((struct annotate_slots *)slots, end);
}

static void read_notes(struct image *image, const Elf64_Phdr *headers, unsigned n, uintptr_t at,
		       uintptr_t end)
{
	while (end - at >= sizeof(Elf64_Nhdr)) {
		const Elf64_Nhdr *note = (const Elf64_Nhdr *)at;
		uint64_t name = ALIGN_UP((uint64_t)note->n_namesz, 4ull);
		uint64_t data = ALIGN_UP((uint64_t)note->n_descsz, 4ull);
		const char *owner = (const char *)(note + 1);

		if (name + data > end - at - sizeof(*note))
			return;
		if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && owner[0] == 'G' &&
		    owner[1] == 'N' && owner[2] == 'U' && note->n_descsz > 0 && !image->build_id) {
			image->build_id = (const uint8_t *)owner + name;
			image->build_id_size = MIN(note->n_descsz, (uint32_t)MT_BUILD_ID_MAX);
		}
		read_annotation(image, headers, n, note);
		at += sizeof(*note) + name + data;
	}
}

/* The part of the image that comes from the file and holds address; false if no segment does. */
static bool find_segment(const struct image *image, const Elf64_Phdr *headers, unsigned n,
			 uintptr_t address, uintptr_t *ret_start, uintptr_t *ret_end)
{
	for (unsigned i = 0; i < n; i++) {
		uintptr_t start = image->bias + headers[i].p_vaddr;

		if (headers[i].p_type != PT_LOAD || !(headers[i].p_flags & PF_R))
			continue;
		if (address >= start && address - start < headers[i].p_filesz) {
			*ret_start = start;
			*ret_end = start + headers[i].p_filesz;
			return true;
		}
	}
	return false;
}

/* The range that the unwinder may read: the segment of .eh_frame_hdr, and that of .eh_frame. */
static void find_tables(struct image *image, const Elf64_Phdr *headers, unsigned n)
{
	uintptr_t start, end, frames, frames_start, frames_end;

	image->tables_start = image->tables_end = 0;
	if (!image->eh_frame_hdr ||
	    !find_segment(image, headers, n, image->eh_frame_hdr, &start, &end))
		return;
	frames = eh_frame_address(image->eh_frame_hdr, end);
	if ((frames < start || frames >= end) &&
	    find_segment(image, headers, n, frames, &frames_start, &frames_end)) {
		frames_start = MIN(frames_start, start);
		frames_end = MAX(frames_end, end);
		if (sys_is_readable(frames_start, frames_end - frames_start)) {
			start = frames_start;
			end = frames_end;
		}
	}
	image->tables_start = start;
	image->tables_end = end;
}

/* Without headers: whatever is readable from .eh_frame_hdr on, up to the module's end. */
static void probe_tables(struct image *image)
{
	uintptr_t page = ALIGN_DOWN(image->eh_frame_hdr, (uintptr_t)PAGE);

	image->tables_start = image->tables_end = 0;
	if (image->eh_frame_hdr < image->start || image->eh_frame_hdr >= image->end)
		return;
	while (page < image->end && sys_is_readable(page, PAGE))
		page += PAGE;
	image->tables_start = image->eh_frame_hdr;
	image->tables_end = MAX(MIN(page, image->end), image->eh_frame_hdr);
}

static void read_headers(struct image *image, const Elf64_Phdr *headers, unsigned n)
{
	uintptr_t first = UINTPTR_MAX, last = 0;

	for (unsigned i = 0; i < n; i++) {
		if (headers[i].p_type != PT_LOAD)
			continue;
		first = MIN(first, ALIGN_DOWN(headers[i].p_vaddr, (uint64_t)PAGE));
		last = MAX(last, headers[i].p_vaddr + headers[i].p_memsz);
	}
	if (first > last)
		return;
	image->bias = image->start - first;
	if (!image->end)
		image->end = image->bias + ALIGN_UP(last, (uintptr_t)PAGE);
	for (unsigned i = 0; i < n; i++) {
		uintptr_t at = image->bias + headers[i].p_vaddr, start, end;

		if (headers[i].p_type == PT_GNU_EH_FRAME)
			image->eh_frame_hdr = at;
		if (headers[i].p_type == PT_NOTE &&
		    find_segment(image, headers, n, at, &start, &end) &&
		    headers[i].p_filesz <= end - at)
			read_notes(image, headers, n, at, at + headers[i].p_filesz);
	}
	find_tables(image, headers, n);
}

bool image_read(struct image *ret, uintptr_t start, uintptr_t end, const struct loader_map *map,
		uintptr_t eh_frame_hdr)
{
	unsigned n = 0;
	const Elf64_Phdr *headers = find_headers(start, &n);

	*ret = (struct image){.start = start, .end = end, .eh_frame_hdr = eh_frame_hdr};
	ret->bias = map ? map->l_addr : start;
	ret->name = map && map->l_name ? map->l_name : "";
	if (headers)
		read_headers(ret, headers, n);
	else if (end && eh_frame_hdr)
		probe_tables(ret);
	if (ret->end <= ret->start)
		return false;

	uint64_t hash = hash_bytes(0xcbf29ce484222325ull, &ret->start, sizeof(ret->start));

	hash = hash_bytes(hash, &ret->end, sizeof(ret->end));
	hash = hash_bytes(hash, &ret->bias, sizeof(ret->bias));
	hash = hash_bytes(hash, ret->name, string_length(ret->name));
	if (ret->build_id)
		hash = hash_bytes(hash, ret->build_id, ret->build_id_size);
	if (!ret->build_id_size && headers)
		hash = hash_bytes(hash, headers, n * sizeof(*headers));
	ret->identity = hash | 1;
	return true;
}

bool image_has_dynamic(uintptr_t start, const void *dynamic)
{
	unsigned n;
	const Elf64_Phdr *headers = find_headers(start, &n);
	uintptr_t first = UINTPTR_MAX;
	uint64_t place = 0;

	if (!headers)
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (headers[i].p_type == PT_LOAD)
			first = MIN(first, ALIGN_DOWN(headers[i].p_vaddr, (uint64_t)PAGE));
		if (headers[i].p_type == PT_DYNAMIC)
			place = headers[i].p_vaddr;
	}
	return place && start - first + place == (uintptr_t)dynamic;
}

uintptr_t image_find_start(const struct loader_map *map)
{
	uintptr_t page = ALIGN_DOWN((uintptr_t)map->l_ld, (uintptr_t)PAGE);

	if (!map->l_ld)
		return 0;
	if (image_has_dynamic(map->l_addr, map->l_ld))
		return map->l_addr;
	/* not linked at 0: the header is below the dynamic section, which it must point at */
	for (unsigned i = 0; i < SEARCH_PAGES && page; i++, page -= PAGE)
		if (image_has_dynamic(page, map->l_ld))
			return page;
	return 0;
}
