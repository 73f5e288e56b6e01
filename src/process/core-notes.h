/* SPDX-License-Identifier: MIT */
/*
 * core-notes.h: what the notes of a core file say: threads, process, auxiliary vector, mapped files. The
 * parser takes bytes and believes none of them.
 */
#ifndef PROCESS_CORE_NOTES_H
#define PROCESS_CORE_NOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "process/core.h"

/* A part of the address space in which a file was mapped. */
struct core_range {
	uint64_t start, end;
	uint64_t offset;  /* in the file, bytes */
	const char *path; /* in struct core_notes */
};

struct core_notes {
	struct core_thread *threads;
	size_t n_threads;
	bool has_process;
	pid_t pid, ppid;
	uid_t uid;
	int signal;
	char name[17], arguments[81]; /* as the kernel cut them off */
	uint64_t *auxv;               /* pairs of type and value, AT_NULL left out */
	size_t n_auxv;                /* pairs */
	struct core_range *ranges;    /* by address, not overlapping */
	size_t n_ranges;
	char *paths;
};

/*
 * Adds what the notes say; a zeroed core_notes is empty. What is not known is skipped, what does not fit
 * in its note is -EBADMSG. On failure, too, notes may be given to core_notes_deinit.
 */
int core_notes_parse(struct core_notes *notes, const void *bytes, size_t size);
void core_notes_deinit(struct core_notes *notes);

#endif
