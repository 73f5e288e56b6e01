/* SPDX-License-Identifier: MIT */
/*
 * sys-aarch64.h: system calls by number, the thread pointer and the stack pointer on aarch64. Included
 * by sys.h only.
 */
#ifndef AGENT_CORE_SYS_AARCH64_H
#define AGENT_CORE_SYS_AARCH64_H

#include <stdint.h>

#include "base/macro.h"

enum sys_number {
	SYS_NR_getcwd = 17,
	SYS_NR_fcntl = 25,
	SYS_NR_ftruncate = 46,
	SYS_NR_openat = 56,
	SYS_NR_close = 57,
	SYS_NR_read = 63,
	SYS_NR_write = 64,
	SYS_NR_pread64 = 67,
	SYS_NR_readlinkat = 78,
	SYS_NR_futex = 98,
	SYS_NR_clock_gettime = 113,
	SYS_NR_tgkill = 131,
	SYS_NR_rt_sigprocmask = 135,
	SYS_NR_prctl = 167,
	SYS_NR_getpid = 172,
	SYS_NR_getppid = 173,
	SYS_NR_gettid = 178,
	SYS_NR_socket = 198,
	SYS_NR_connect = 203,
	SYS_NR_sendmsg = 211,
	SYS_NR_munmap = 215,
	SYS_NR_mremap = 216,
	SYS_NR_mmap = 222,
	SYS_NR_mprotect = 226,
	SYS_NR_madvise = 233,
	SYS_NR_prlimit64 = 261,
	SYS_NR_memfd_create = 279,
};

#define SYS_VDSO_CLOCK_GETTIME "__kernel_clock_gettime"

/* NOLINTNEXTLINE(readability-function-size): a system call has six arguments and a number */
static _always_inline_ long sys_call6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}

static _always_inline_ long sys_call4(long nr, long a, long b, long c, long d)
{
	return sys_call6(nr, a, b, c, d, 0, 0);
}

static _always_inline_ long sys_call3(long nr, long a, long b, long c)
{
	return sys_call6(nr, a, b, c, 0, 0, 0);
}

static _always_inline_ uintptr_t sys_thread_pointer(void)
{
	uintptr_t tp;

	__asm__("mrs %0, tpidr_el0" : "=r"(tp));
	return tp;
}

static _always_inline_ uintptr_t sys_stack_pointer(void)
{
	uintptr_t sp;

	__asm__ volatile("mov %0, sp" : "=r"(sp));
	return sp;
}

#endif
