/* SPDX-License-Identifier: MIT */
/*
 * os.h: all that the heap asks of the system, by instructions of its own, so that an embedder that
 * defines mmap does not meet itself, and errno is touched only by os_set_enomem. Results below zero are
 * -errno. Sizes and addresses are whole pages.
 */
#ifndef HEAP_OS_H
#define HEAP_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

#if defined(__x86_64__)
#include "heap/os-x86_64.h"
#elif defined(__aarch64__)
#include "heap/os-aarch64.h"
#else
#error "the heap is written for x86-64 and aarch64"
#endif

/* Zeroed memory somewhere; NULL on failure. */
void *os_map(size_t size);
void os_unmap(void *start, size_t size);
/* Address space without memory somewhere; NULL on failure. */
void *os_reserve(size_t size);
/* Zeroed memory exactly there: -EEXIST if something is there already. */
int os_map_at(uintptr_t start, size_t size);
/* Makes a part of what os_reserve gave usable. */
int os_unprotect(uintptr_t start, size_t size);
/* Grows, shrinks or moves a mapping of its own; NULL on failure, when nothing has changed. */
void *os_remap(void *start, size_t old_size, size_t new_size);
/*
 * Moves memory to where other memory is, which is given back; zeros stay behind. After an error the memory is where it
 * was, and there are zeros at the other place, or, with -EFAULT, nothing.
 */
int os_move(uintptr_t from, uintptr_t to, size_t size);
/* Gives the memory back, keeps the address space: it reads as zeros. */
int os_discard(uintptr_t start, size_t size);
/* Writes a byte for each page: bit 0 says whether it is resident. What is not may have been swapped out. */
int os_find_resident(uintptr_t start, size_t size, unsigned char *ret_pages);
/* Whether anything is mapped at a page; what is gets normal advice. */
bool os_is_mapped(uintptr_t page);
/* A forked child finds zeros there. */
int os_wipe_on_fork(void *start, size_t size);

/* Waits while *word is value, or returns early; wakes at most n threads. Of this process only. */
void os_futex_wait(uint32_t *word, uint32_t value);
void os_futex_wake(uint32_t *word, int n);

/* Some milliseconds coarse, some nanoseconds to read, never 0. */
uint64_t os_now_ns(void);

/* A number that differs from process to process where addresses are randomised. */
uintptr_t os_random(void);

/* Sets errno; and ends the process with SIGABRT. */
void os_set_enomem(void);
void os_abort(void) __attribute__((noreturn));

#endif
