/* SPDX-License-Identifier: MIT */
/*
 * imagereader.h: constants of programs and libraries in another process: what is absent from its memory
 * stands in the file, and is read from there.
 */
#ifndef PROCESS_IMAGEREADER_H
#define PROCESS_IMAGEREADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/space.h"

struct imagereader_file {
	const char *path; /* the maps' */
	int fd;           /* negative: it cannot be opened */
};

struct imagereader {
	const struct space *space;
	struct imagereader_file *files;
	size_t n_files;
	/* what was asked for last: most questions are about its neighbourhood */
	uint64_t page; /* address of page_bytes; 0: none */
	char page_bytes[MEMORY_PAGE_SIZE];
};

/* The space has to outlive it. */
void imagereader_init(struct imagereader *reader, const struct space *space);
void imagereader_deinit(struct imagereader *reader);

/* Whether address lies in memory that is mapped from a file and that the process cannot write to. */
bool imagereader_is_constant(const struct imagereader *reader, uint64_t address);

/* 0; -EFAULT if it is not there or swapped out. */
int imagereader_read(struct imagereader *reader, uint64_t address, void *buffer, size_t size);
/* A zero terminated text of less than size bytes; -EFAULT also if it is longer. */
int imagereader_read_text(struct imagereader *reader, uint64_t address, char *buffer, size_t size);

#endif
