/* SPDX-License-Identifier: MIT */
/*
 * core-files.h: the files that were mapped into a process of which a core is left, for what was not
 * dumped because it stands in them.
 */
#ifndef PROCESS_CORE_FILES_H
#define PROCESS_CORE_FILES_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/core-image.h"
#include "process/core-notes.h"

enum core_file_state {
	CORE_FILE_UNKNOWN, /* not looked for yet */
	CORE_FILE_THERE,
	CORE_FILE_ABSENT,
	CORE_FILE_REPLACED, /* has another build ID, or was changed after the core was written */
};

struct core_file {
	const char *path;      /* the notes' */
	const char *open_path; /* where it is now: path, or what the caller said; the caller's */
	enum core_file_state state;
	int fd;                 /* open, or not, even if it is there */
	bool wanted;            /* somebody asked for bytes of it */
	uint64_t device, inode; /* if it is there */
	Elf64_Phdr *segments;   /* of an ELF file that is there: its PT_LOADs */
	size_t n_segments;
};

struct core_files {
	const struct core_image *image;
	const struct core_notes *notes;
	int64_t written_at; /* the core: seconds since the epoch */
	struct core_file *files;
	size_t n_files, n_open;
	uint32_t *of_range; /* index in files, for each of the notes' ranges */
};

/* image and notes have to outlive it. program: a path in the notes whose file is now at exe, or NULL. */
int core_files_init(struct core_files *files, const struct core_image *image,
		    const struct core_notes *notes, const char *program, const char *exe);
void core_files_deinit(struct core_files *files);

/* The range of a file that holds address, or NULL. */
const struct core_range *core_files_find(const struct core_files *files, uint64_t address);
/* The file of a range, looked for if nobody did so far. */
const struct core_file *core_files_get(struct core_files *files, const struct core_range *range);
/* Reads from the file what was mapped at address, which the range holds; -EFAULT if it is not there. */
int core_files_read(struct core_files *files, const struct core_range *range, uint64_t address,
		    void *buffer, size_t size);
/* What the file's own segments say of how the range is mapped: PF_*; PF_R if they say nothing. */
uint32_t core_files_flags(struct core_files *files, const struct core_range *range);

#endif
