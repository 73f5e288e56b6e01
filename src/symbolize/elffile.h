/* SPDX-License-Identifier: MIT */
/*
 * elffile.h: one ELF file, opened and checked: its build ID, its sections, what it says of its separate
 * debug file.
 */
#ifndef SYMBOLIZE_ELFFILE_H
#define SYMBOLIZE_ELFFILE_H

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "symbolize/bytes.h"

struct build_id {
	uint8_t bytes[64];
	size_t size; /* 0: unknown */
};

/* False if one of them is unknown. */
bool build_id_equals(const struct build_id *a, const struct build_id *b);

/* Linkers make one; what is over this many is taken for no code. */
enum { ELFFILE_MAX_CODE = 16 };

struct elffile {
	Elf *elf;
	int fd;      /* until elffile_detach */
	char *path;  /* where it really is, links followed; as it was opened if that is not known */
	void *image; /* the file's bytes if they come from memory, else NULL */
	struct build_id build_id;
	struct {
		uint64_t start, end;
	} code[ELFFILE_MAX_CODE]; /* the executable segments */
	size_t n_code;
};

/*
 * Opens a regular file. Never blocks on a pipe or a device. -ENOENT, -EACCES and the like as the kernel
 * says; -ENOEXEC: not an ELF file of this byte order, or one that libelf refuses.
 */
int elffile_open(const char *path, struct elffile **ret);
/* Takes fd, also on failure. */
int elffile_open_fd(int fd, const char *path, struct elffile **ret);
/* Takes image, from malloc, also on failure. name stands for the path. */
int elffile_open_image(void *image, size_t size, const char *name, struct elffile **ret);
struct elffile *elffile_free(struct elffile *file);
DEFINE_CLEANUP(struct elffile *, elffile_free)

/* Gives the descriptor back; all else works as before. libdw looks for files beside this one before. */
int elffile_detach(struct elffile *file);

/* The first section of that name; NULL if there is none. */
Elf_Scn *elffile_section(const struct elffile *file, const char *name, GElf_Shdr *ret_header);
/* What stands in the section of one of two names: empty if there is none. Lives as long as the file. */
struct bytes elffile_bytes(const struct elffile *file, const char *name, const char *packed);
/* The first section of that type. */
Elf_Scn *elffile_section_by_type(const struct elffile *file, uint32_t type, GElf_Shdr *ret_header);

/* From now on, as if the section of that name had no content. */
void elffile_hide(struct elffile *file, const char *name);

/* Whether an executable segment covers it; true for every address if the file tells no segments. */
bool elffile_is_code(const struct elffile *file, uint64_t address);

/* The CRC-32 of all its bytes, as .gnu_debuglink has it; before elffile_detach. 0 or -errno. */
int elffile_crc(const struct elffile *file, uint32_t *ret);

#endif
