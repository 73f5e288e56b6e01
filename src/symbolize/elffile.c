/* SPDX-License-Identifier: MIT */
/*
 * elffile.c: an ELF file as libelf shows it.
 *
 * The file is mapped, not read: of a debug file of a gigabyte only the pages are touched that the
 * questions need. Its descriptor is closed as soon as libdw has seen where the file is, since a
 * program with a thousand plugins would otherwise need two thousand of them. The path is what the
 * descriptor led to, so that a debug file that stands beside the real file is found from a symbolic
 * link too.
 *
 * What the file says is not trusted: libelf checks sizes and offsets against the file, and what it does
 * not check is checked where it is used.
 */
#include "symbolize/elffile.h"

#include <elfutils/libdwelf.h>
#include <endian.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/macro.h"

/* More segments than any linker makes; a file may say 65,535 and more. */
enum { ELFFILE_MAX_SEGMENTS = 1024 };

bool build_id_equals(const struct build_id *a, const struct build_id *b)
{
	return a->size > 0 && a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

static void find_code(struct elffile *file)
{
	size_t n;

	if (elf_getphdrnum(file->elf, &n) < 0)
		return;
	for (size_t i = 0; i < MIN(n, ELFFILE_MAX_SEGMENTS); i++) {
		GElf_Phdr header;

		if (!gelf_getphdr(file->elf, (int)i, &header))
			break;
		if (header.p_type != PT_LOAD || !(header.p_flags & PF_X) ||
		    file->n_code == ELFFILE_MAX_CODE)
			continue;
		file->code[file->n_code].start = header.p_vaddr;
		file->code[file->n_code++].end = header.p_vaddr + header.p_memsz;
	}
}

/* Takes elf, which may be NULL, fd and image, also on failure. */
static int elffile_make(Elf *elf, int fd, void *image, const char *path, struct elffile **ret)
{
	_cleanup_(elffile_freep) struct elffile *file = calloc(1, sizeof(*file));
	const char *ident;
	const void *build_id;
	ssize_t size;

	if (!file) {
		elf_end(elf);
		cleanup_close(&fd);
		free(image);
		return -ENOMEM;
	}
	file->elf = elf;
	file->fd = fd;
	file->image = image;
	file->path = strdup(path);
	if (!file->path)
		return -ENOMEM;
	ident = elf_getident(elf, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF || !ident)
		return -ENOEXEC;
	if (ident[EI_DATA] != (__BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB))
		return -ENOEXEC;
	size = dwelf_elf_gnu_build_id(elf, &build_id);
	if (size > 0 && (size_t)size <= sizeof(file->build_id.bytes)) {
		memcpy(file->build_id.bytes, build_id, (size_t)size);
		file->build_id.size = (size_t)size;
	}
	find_code(file);
	*ret = TAKE_PTR(file);
	return 0;
}

int elffile_open_fd(int fd, const char *path, struct elffile **ret)
{
	char link[64], real[PATH_MAX];
	struct stat st, real_st;
	ssize_t n;
	Elf *elf;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0) {
		cleanup_close(&fd);
		return -ENOEXEC;
	}

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, real, sizeof(real) - 1);
	real[n > 0 ? n : 0] = 0;
	/* in another mount namespace the same path is another file */
	if (real[0] == '/' && stat(real, &real_st) == 0 && real_st.st_dev == st.st_dev &&
	    real_st.st_ino == st.st_ino)
		path = real;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	return elffile_make(elf, fd, NULL, path, ret);
}

int elffile_open(const char *path, struct elffile **ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	return fd < 0 ? -errno : elffile_open_fd(fd, path, ret);
}

int elffile_open_image(void *image, size_t size, const char *name, struct elffile **ret)
{
	elf_version(EV_CURRENT);
	return elffile_make(elf_memory(image, size), -EBADF, image, name, ret);
}

int elffile_detach(struct elffile *file)
{
	if (file->fd < 0)
		return 0;
	/* reads what is not mapped, so that the descriptor is not needed */
	if (elf_cntl(file->elf, ELF_C_FDREAD) < 0)
		return -EIO;
	cleanup_close(&file->fd);
	file->fd = -EBADF;
	return 0;
}

struct elffile *elffile_free(struct elffile *file)
{
	if (!file)
		return NULL;
	elf_end(file->elf);
	cleanup_close(&file->fd);
	free(file->image);
	free(file->path);
	free(file);
	return NULL;
}

Elf_Scn *elffile_section(const struct elffile *file, const char *name, GElf_Shdr *ret_header)
{
	size_t names;

	if (elf_getshdrstrndx(file->elf, &names) < 0)
		return NULL;
	for (Elf_Scn *section = NULL; (section = elf_nextscn(file->elf, section));) {
		GElf_Shdr header;
		const char *found;

		if (!gelf_getshdr(section, &header))
			continue;
		found = elf_strptr(file->elf, names, header.sh_name);
		if (!found || strcmp(found, name) != 0)
			continue;
		*ret_header = header;
		return section;
	}
	return NULL;
}

Elf_Scn *elffile_section_by_type(const struct elffile *file, uint32_t type, GElf_Shdr *ret_header)
{
	for (Elf_Scn *section = NULL; (section = elf_nextscn(file->elf, section));) {
		GElf_Shdr header;

		if (!gelf_getshdr(section, &header) || header.sh_type != type)
			continue;
		*ret_header = header;
		return section;
	}
	return NULL;
}

void elffile_hide(struct elffile *file, const char *name)
{
	GElf_Shdr header;
	Elf_Scn *section = elffile_section(file, name, &header);

	if (!section)
		return;
	/* libelf's copy of the header: nothing is written to the file */
	header.sh_type = SHT_NOBITS;
	(void)gelf_update_shdr(section, &header);
}

struct bytes elffile_bytes(const struct elffile *file, const char *name, const char *packed)
{
	GElf_Shdr header;
	Elf_Scn *section = elffile_section(file, name, &header);
	Elf_Data *data;

	if (!section)
		section = elffile_section(file, packed, &header);
	data = section && header.sh_type != SHT_NOBITS ? elf_getdata(section, NULL) : NULL;
	if (!data || !data->d_buf)
		return (struct bytes){};
	return (struct bytes){data->d_buf, (const uint8_t *)data->d_buf + data->d_size, false};
}

bool elffile_is_code(const struct elffile *file, uint64_t address)
{
	for (size_t i = 0; i < file->n_code; i++)
		if (address >= file->code[i].start && address < file->code[i].end)
			return true;
	return file->n_code == 0;
}

int elffile_crc(const struct elffile *file, uint32_t *ret)
{
	enum { CHUNK = 1 << 16 };
	_cleanup_free_ uint8_t *chunk = malloc(CHUNK);
	uint32_t table[256], crc = ~0U;
	ssize_t n;

	if (!chunk)
		return -ENOMEM;
	for (uint32_t i = 0; i < 256; i++) {
		table[i] = i;
		/* the polynomial of IEEE 802.3, lowest bit first */
		for (int bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320U : 0);
	}
	for (uint64_t at = 0; (n = file_pread(file->fd, chunk, CHUNK, at)) > 0; at += (uint64_t)n)
		for (ssize_t i = 0; i < n; i++)
			crc = table[(crc ^ chunk[i]) & 0xff] ^ crc >> 8;
	if (n < 0)
		return (int)n;
	*ret = ~crc;
	return 0;
}
