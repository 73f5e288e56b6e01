/* SPDX-License-Identifier: MIT */
/* os-x86_64.h: a system call, a pause, the thread pointer and string instructions on x86-64. */
#ifndef HEAP_OS_X86_64_H
#define HEAP_OS_X86_64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

/* The sixth argument is always 0 here: mmap has an offset. */
static inline long os_syscall(long number, long a, long b, long c, long d, long e)
{
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = 0;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

static inline void os_pause(void)
{
	__asm__ volatile("pause");
}

/* Distinct for each living thread. */
static inline uintptr_t os_thread_pointer(void)
{
	uintptr_t pointer;

	__asm__("movq %%fs:0, %0" : "=r"(pointer));
	return pointer;
}

/* Whole words by string instructions; false where there are none worth it. */
static inline bool os_string_zero(void *to, size_t size)
{
	size_t n = size / 8;

	__asm__ volatile("rep stosq" : "+D"(to), "+c"(n) : "a"(0l) : "memory");
	return true;
}

static inline bool os_string_copy(void *to, const void *from, size_t size)
{
	size_t n = size / 8;

	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	return true;
}

#endif
