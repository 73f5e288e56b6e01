/* SPDX-License-Identifier: MIT */
/*
 * maphooks.h: the mapping family: mmap, mmap64, munmap, mremap, brk, sbrk, madvise.
 */
#ifndef AGENT_PRELOAD_MAPHOOKS_H
#define AGENT_PRELOAD_MAPHOOKS_H

#include <stdbool.h>

/* Finds the C library's brk and sbrk. May be called again. */
void maphooks_find(void);

/* Whether calls are told to the core; not before it was started. */
void maphooks_set_recording(bool recording);

#endif
