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

struct memory; /* opaque */

int memory_open_pid(pid_t pid, struct memory **ret);
struct memory *memory_free(struct memory *memory);
DEFINE_CLEANUP(struct memory *, memory_free)

/* Reads exactly size bytes; -EFAULT if part of them is not there, -ESRCH if the process is gone. */
int memory_read(struct memory *memory, uint64_t address, void *buffer, size_t size);

#endif
