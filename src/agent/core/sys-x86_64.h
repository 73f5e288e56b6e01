/* SPDX-License-Identifier: MIT */
/*
 * sys-x86_64.h: system calls by number, the thread pointer and the stack pointer on x86-64. Included
 * by sys.h only.
 */
#ifndef AGENT_CORE_SYS_X86_64_H
#define AGENT_CORE_SYS_X86_64_H

#include <stdint.h>

#include "base/macro.h"

enum sys_number {
	SYS_NR_read = 0,
	SYS_NR_write = 1,
	SYS_NR_close = 3,
	SYS_NR_mmap = 9,
	SYS_NR_mprotect = 10,
	SYS_NR_munmap = 11,
	SYS_NR_rt_sigprocmask = 14,
	SYS_NR_pread64 = 17,
	SYS_NR_mremap = 25,
	SYS_NR_madvise = 28,
	SYS_NR_getpid = 39,
	SYS_NR_socket = 41,
	SYS_NR_connect = 42,
	SYS_NR_sendmsg = 46,
	SYS_NR_fcntl = 72,
	SYS_NR_ftruncate = 77,
	SYS_NR_getcwd = 79,
	SYS_NR_getppid = 110,
	SYS_NR_prctl = 157,
	SYS_NR_gettid = 186,
	SYS_NR_futex = 202,
	SYS_NR_clock_gettime = 228,
	SYS_NR_tgkill = 234,
	SYS_NR_openat = 257,
	SYS_NR_readlinkat = 267,
	SYS_NR_prlimit64 = 302,
	SYS_NR_memfd_create = 319,
};

#define SYS_VDSO_CLOCK_GETTIME "__vdso_clock_gettime"

/* NOLINTNEXTLINE(readability-function-size): a system call has six arguments and a number */
static _always_inline_ long sys_call6(long nr, long a, long b, long c, long d, long e, long f)
{
	long r;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return r;
}

static _always_inline_ long sys_call4(long nr, long a, long b, long c, long d)
{
	long r;
	register long r10 __asm__("r10") = d;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return r;
}

static _always_inline_ long sys_call3(long nr, long a, long b, long c)
{
	long r;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return r;
}

/* The ABI has the thread control block's own address in its first word. */
static _always_inline_ uintptr_t sys_thread_pointer(void)
{
	uintptr_t tp;

	__asm__("movq %%fs:0, %0" : "=r"(tp));
	return tp;
}

static _always_inline_ uintptr_t sys_stack_pointer(void)
{
	uintptr_t sp;

	__asm__ volatile("movq %%rsp, %0" : "=r"(sp));
	return sp;
}

#endif
