/* SPDX-License-Identifier: MIT */
/*
 * elf-file.h: the little that has to be known of an ELF file before it is started: for whom it is, who
 * loads it, what it exports. Nothing that the file says is believed; what does not fit is -ENOEXEC.
 */
#ifndef PROCESS_ELF_FILE_H
#define PROCESS_ELF_FILE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_file {
	int fd;              /* the caller's */
	unsigned char class; /* ELFCLASS* */
	unsigned char order; /* ELFDATA* */
	uint16_t machine;    /* EM_*; of either byte order */
	bool native;   /* class, order and machine are those of this program: only then the rest */
	uint16_t type; /* ET_* */
	Elf64_Phdr *segments;
	size_t n_segments;
};

/* -ENOEXEC: not an ELF file, or damaged. fd stays the caller's and has to outlive the elf_file. */
int elf_file_init(struct elf_file *elf, int fd);
void elf_file_deinit(struct elf_file *elf);

/* What PT_INTERP names; *ret is NULL if there is none. The caller frees. */
int elf_file_read_interpreter(const struct elf_file *elf, char **ret);

/* What DT_SONAME says; *ret is NULL if nothing. The caller frees. */
int elf_file_read_soname(const struct elf_file *elf, char **ret);

/* What the nth DT_NEEDED, from 0, says; *ret is NULL if there are not as many. The caller frees. */
int elf_file_read_needed(const struct elf_file *elf, size_t nth, char **ret);

/* 1 if the file's dynamic symbol table defines name, 0 if not. */
int elf_file_exports(const struct elf_file *elf, const char *name);

#endif
