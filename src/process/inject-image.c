/* SPDX-License-Identifier: MIT */
/*
 * inject-image.c: the image, an ELF file that the tool has as an array of bytes.
 *
 * It is linked as a shared object with nothing undefined, so that the only relocations are addresses of
 * its own, and its only symbol is inject_header. The file is ours; what does not fit is a broken build.
 */
#include "process/inject-image.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "process/inject-regs.h"

extern const unsigned char inject_bytes[];
extern const size_t inject_bytes_size;

#if defined(__aarch64__)
enum { IMAGE_RELATIVE = R_AARCH64_RELATIVE };
#else
enum { IMAGE_RELATIVE = R_X86_64_RELATIVE };
#endif

static const Elf64_Ehdr *elf_header(void)
{
	return (const Elf64_Ehdr *)inject_bytes;
}

static const Elf64_Phdr *find_segment(uint32_t type)
{
	const Elf64_Phdr *segment = (const void *)(inject_bytes + elf_header()->e_phoff);

	for (unsigned i = 0; i < elf_header()->e_phnum; i++)
		if (segment[i].p_type == type)
			return &segment[i];
	return NULL;
}

static uint64_t find_dynamic(int64_t tag)
{
	const Elf64_Phdr *segment = find_segment(PT_DYNAMIC);
	const Elf64_Dyn *entry = segment ? (const void *)(inject_bytes + segment->p_offset) : NULL;

	for (; entry && entry->d_tag != DT_NULL; entry++)
		if (entry->d_tag == tag)
			return entry->d_un.d_val;
	return 0;
}

/* The one symbol that is defined. Addresses and offsets of the first segment are the same. */
static uint64_t find_header(void)
{
	const Elf64_Sym *symbols = (const void *)(inject_bytes + find_dynamic(DT_SYMTAB));
	const char *strings = (const char *)inject_bytes + find_dynamic(DT_STRTAB);

	for (unsigned i = 1; i < 8; i++)
		if (strcmp(strings + symbols[i].st_name, "inject_header") == 0)
			return symbols[i].st_value;
	return 0;
}

static void lay_out_segment(struct inject_image *image, const Elf64_Phdr *segment)
{
	memcpy(image->bytes + segment->p_vaddr, inject_bytes + segment->p_offset,
	       segment->p_filesz);
	if (segment->p_flags & PF_X) {
		image->text_offset = segment->p_vaddr;
		image->text_size = segment->p_memsz;
	}
	if (segment->p_flags & PF_W) {
		image->data_offset = ALIGN_DOWN(segment->p_vaddr, (uint64_t)IMAGE_PAGE);
		image->data_size = segment->p_vaddr + segment->p_filesz - image->data_offset;
	}
}

int inject_image_init(struct inject_image *ret)
{
	const Elf64_Phdr *segments;
	struct inject_image image = {};

	if (inject_bytes_size < sizeof(Elf64_Ehdr))
		return -ENOSYS;
	segments = (const void *)(inject_bytes + elf_header()->e_phoff);
	for (unsigned i = 0; i < elf_header()->e_phnum; i++)
		if (segments[i].p_type == PT_LOAD)
			image.size = ALIGN_UP(segments[i].p_vaddr + segments[i].p_memsz,
					      (uint64_t)IMAGE_PAGE);
	if (image.size == 0)
		return -ENOSYS;
	image.bytes = calloc(1, image.size);
	if (!image.bytes)
		return -ENOMEM;
	for (unsigned i = 0; i < elf_header()->e_phnum; i++)
		if (segments[i].p_type == PT_LOAD)
			lay_out_segment(&image, &segments[i]);
	image.header_offset = find_header();
	/* behind the first segment, which is a few tables */
	image.front_size = ALIGN_UP(segments[0].p_memsz + REGS_PARK_SIZE, (uint64_t)IMAGE_PAGE);
	image.park_offset = image.front_size - REGS_PARK_SIZE;
	if (segments[1].p_vaddr < image.front_size) {
		free(image.bytes);
		return -ENOSYS;
	}
	image.eh_frame_hdr_offset = find_segment(PT_GNU_EH_FRAME)->p_vaddr;
	image.total = image.size + IMAGE_TLS_SIZE + IMAGE_STACK_SIZE + IMAGE_LIST_SIZE;
	*ret = image;
	return 0;
}

void inject_image_deinit(struct inject_image *image)
{
	free(image->bytes);
	*image = (struct inject_image){};
}

void inject_image_relocate(struct inject_image *image, uint64_t base)
{
	const Elf64_Rela *rela = (const void *)(inject_bytes + find_dynamic(DT_RELA));
	size_t n = find_dynamic(DT_RELASZ) / sizeof(*rela);

	regs_make_park(base + image->park_offset, image->bytes + image->park_offset);
	for (size_t i = 0; i < n; i++)
		if (ELF64_R_TYPE(rela[i].r_info) == IMAGE_RELATIVE) {
			uint64_t value = base + (uint64_t)rela[i].r_addend;

			memcpy(image->bytes + rela[i].r_offset, &value, sizeof(value));
		}
}

const struct inject_header *inject_image_header(const struct inject_image *image)
{
	return (const void *)(image->bytes + image->header_offset);
}
