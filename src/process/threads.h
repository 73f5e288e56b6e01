/* SPDX-License-Identifier: MIT */
/*
 * threads.h: whose stacks the stacks are.
 */
#ifndef PROCESS_THREADS_H
#define PROCESS_THREADS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "process/areas.h"
#include "process/procinfo.h"
#include "process/space.h"

/*
 * Adds an area for each stack that is known to be one: of the threads (by the thread descriptors of
 * libc that lie at their upper ends, else by stack pointers), and those that libc keeps of threads that
 * have ended. Only a process that lives can be asked for stack pointers. -ENOMEM or 0.
 *
 * A thread that runs at the moment and has no descriptor of libc is not found: the kernel tells the
 * stack pointers of waiting threads only. Nothing is stopped, no absent page is touched.
 */
int threads_find_stacks(const struct space *space, const struct procinfo_thread *threads,
			size_t n_threads, struct areas *areas);

/* The stack pointer of a waiting thread, 0 if it is not told. */
uint64_t threads_read_sp(pid_t pid, pid_t tid);

#endif
