/* SPDX-License-Identifier: MIT */
/*
 * pthreads.h: glibc's descriptors of threads (struct pthread), found in memory by what they look like.
 */
#ifndef PROCESS_PTHREADS_H
#define PROCESS_PTHREADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "process/memory.h"

struct pthread {
	uint64_t address;
	uint64_t block, size,
		guard;  /* the stack: lowest address, bytes with the guard, the guard's */
	pid_t tid;      /* 0: the thread has ended */
	uint32_t ring;  /* of the rings that were followed, from 1 on */
	bool is_cached; /* it was joined or detached, and libc keeps the stack */
};

struct pthreads {
	struct pthread *pthreads;
	size_t n_pthreads;
};

void pthreads_deinit(struct pthreads *pthreads);
/* Adds those in [start, end), a mapping or the lower part of one; absent pages are passed over. */
int pthreads_scan(struct pthreads *pthreads, struct memory *memory, uint64_t start, uint64_t end);
/* Fills is_cached of those that have ended, when all are there, and sorts by address. */
void pthreads_resolve(struct pthreads *pthreads, pid_t pid, struct memory *memory);

#endif
