/* SPDX-License-Identifier: MIT */
/*
 * memory.h: the bytes of another process: a living one (process_vm_readv, no thread is stopped, absent
 * pages may become present: ask pagemap first where that matters) or one of which a core file is left.
 */
#ifndef PROCESS_MEMORY_H
#define PROCESS_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

struct core;
struct memory; /* opaque */

/* -ESRCH if there is no such process, -EPERM if it may not be read, else -errno. */
int memory_open_pid(pid_t pid, struct memory **ret);
/* The core stays the caller's and has to outlive the memory. */
int memory_open_core(struct core *core, struct memory **ret);

/* Bytes that are here already, as a test makes them up; all of them count as resident. */
struct memory_piece {
	uint64_t start; /* the address that bytes had */
	size_t size;
	const void *bytes; /* the caller's, and has to outlive the memory */
};
/* Pieces by address, not overlapping; the table is copied. NULL if there is no memory. */
struct memory *memory_new_pieces(const struct memory_piece *pieces, size_t n_pieces);

struct memory *memory_free(struct memory *memory);
DEFINE_CLEANUP(struct memory *, memory_free)

/* Reads exactly size bytes; -EFAULT if part of them is not there, -ESRCH if the process is gone. */
int memory_read(struct memory *memory, uint64_t address, void *buffer, size_t size);

/*
 * The same where it is not certain that anything is there: -EFAULT also if a page of it is absent or
 * swapped out, and then none becomes present by being asked for. For pointers that may be none.
 */
int memory_read_present(struct memory *memory, uint64_t address, void *buffer, size_t size);

/* What is known of a page without touching it. */
enum memory_page {
	MEMORY_ABSENT = 0, /* never written to, or given back: reads as zeros, or not mapped */
	MEMORY_RESIDENT = 1 << 0, /* of a core: it was dumped and holds anything but zeros */
	MEMORY_SWAPPED = 1 << 1,
	MEMORY_FILE = 1 << 2, /* of a file or shared memory, not private */
};

enum { MEMORY_PAGE_SIZE = 4096 };

/*
 * Which of the n pages from address on, a page's beginning, are there: one byte of enum memory_page
 * each. -ESRCH, -EPERM.
 */
int memory_pages(struct memory *memory, uint64_t address, size_t n, uint8_t *ret);

#endif
