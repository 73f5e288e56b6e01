/* SPDX-License-Identifier: MIT */
/*
 * glibc-threads.h: which arena each thread allocates from, and where its cache of freed blocks is, read
 * from the threads' static thread-local storage.
 */
#ifndef PROCESS_GLIBC_THREADS_H
#define PROCESS_GLIBC_THREADS_H

#include <stddef.h>
#include <stdint.h>

#include "process/glibc-state.h"

struct glibc_thread {
	uint32_t tid;
	uint64_t pointer; /* the thread pointer */
	uint64_t arena;   /* 0: it has none yet */
	uint64_t cache;   /* its tcache_perthread_struct; 0: it has none, or it was not found */
};

struct glibc_threads {
	struct glibc_thread *threads; /* owned */
	size_t n_threads;
};

/*
 * Those of tids whose thread pointer could be found. n_threads is 0 if the place of the variables is
 * not beyond doubt. -errno.
 */
int glibc_threads_read(struct memory *memory, const struct maps *maps,
		       const struct glibc_states *states, const uint32_t *tids, size_t n_tids,
		       struct glibc_threads *ret);
void glibc_threads_deinit(struct glibc_threads *threads);

#endif
