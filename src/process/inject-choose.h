/* SPDX-License-Identifier: MIT */
/*
 * inject-choose.h: which thread of a process is stopped.
 */
#ifndef PROCESS_INJECT_CHOOSE_H
#define PROCESS_INJECT_CHOOSE_H

#include <stddef.h>
#include <sys/types.h>

#include "process/maps.h"

enum { CHOOSE_THREADS_MAX = 4096 };

/* The threads' ids as the kernel lists them, max at most; returns how many there are. */
size_t inject_list_threads(pid_t pid, pid_t *ret, size_t max);

/* Threads in the order in which they should be tried, max at most; returns how many there are. */
size_t inject_choose_threads(pid_t pid, const struct maps *maps, pid_t *ret, size_t max);

#endif
