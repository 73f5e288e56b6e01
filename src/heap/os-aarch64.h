/* SPDX-License-Identifier: MIT */
/* os-aarch64.h: a system call, a pause and the thread pointer on aarch64. */
#ifndef HEAP_OS_AARCH64_H
#define HEAP_OS_AARCH64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

/* The sixth argument is always 0 here: mmap has an offset. */
static inline long os_syscall(long number, long a, long b, long c, long d, long e)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = 0;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}

static inline void os_pause(void)
{
	__asm__ volatile("yield");
}

/* Distinct for each living thread. */
static inline uintptr_t os_thread_pointer(void)
{
	uintptr_t pointer;

	__asm__("mrs %0, tpidr_el0" : "=r"(pointer));
	return pointer;
}

/* Whole words by string instructions; false where there are none worth it. */
static inline bool os_string_zero(void *to, size_t size)
{
	(void)to;
	(void)size;
	return false;
}

static inline bool os_string_copy(void *to, const void *from, size_t size)
{
	(void)to;
	(void)from;
	(void)size;
	return false;
}

#endif
