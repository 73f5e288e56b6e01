/* SPDX-License-Identifier: MIT */
/*
 * threads.h: whose stacks the stacks are.
 */
#ifndef PROCESS_THREADS_H
#define PROCESS_THREADS_H

#include <stdbool.h>
#include <sys/types.h>

#include "process/areas.h"
#include "process/maps.h"
#include "process/procinfo.h"

/*
 * Adds an area for each stack that is known to be one: of the threads (by the thread descriptors of
 * libc that lie at their upper ends, else by stack pointers), and those that libc keeps of threads that
 * have ended. lives: the process is there, and /proc may be asked for stack pointers.
 *
 * A thread that runs at the moment and has no descriptor of libc is not found: the kernel tells the
 * stack pointers of waiting threads only. Nothing is stopped, no absent page is touched.
 */
int threads_find_stacks(pid_t pid, bool lives, const struct procinfo_thread *threads,
			size_t n_threads, const struct maps *maps, struct memory *memory,
			struct areas *areas);

/* The stack pointer of a waiting thread, 0 if it is not told. */
uint64_t threads_read_sp(pid_t pid, pid_t tid);

#endif
