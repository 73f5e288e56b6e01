/* SPDX-License-Identifier: MIT */
/*
 * sys.h: all that the freestanding core needs of the outside: raw system calls, the thread pointer, the
 * clock of the vdso, memory helpers and a futex lock. Registers and system call numbers stand in the
 * file named for the architecture.
 *
 * Nothing here touches errno, and nothing imports a symbol.
 */
#ifndef AGENT_CORE_SYS_H
#define AGENT_CORE_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

#if defined(__x86_64__)
#include "agent/core/sys-x86_64.h"
#elif defined(__aarch64__)
#include "agent/core/sys-aarch64.h"
#else
#error "memtrace's agent is written for x86-64 and aarch64"
#endif

/* System calls: the result, or -errno. */
void *sys_map_private(size_t size);		   /* zeroed, MAP_NORESERVE, not in core files unless used; NULL on failure */
void sys_unmap(void *start, size_t size);
int sys_gettid(void);
int sys_getpid(void);				   /* never cached: right in every child */

/*
 * Whether the whole pages that hold [start, start + size) can be read, asked of the kernel without
 * reading them and by madvise only, which every program that allocates is allowed to call.
 */
bool sys_is_readable(uintptr_t start, size_t size);

/* Finds the clock in the vdso. auxv_base is AT_SYSINFO_EHDR, 0 falls back to the system call. */
void sys_clock_init(uintptr_t auxv_base);
uint64_t sys_clock_coarse_ns(void);		   /* CLOCK_MONOTONIC_COARSE, a few nanoseconds to read */
uint64_t sys_clock_ns(void);			   /* CLOCK_MONOTONIC */
uint64_t sys_clock_realtime_ns(void);
uint64_t sys_clock_process_cpu_ns(void);	   /* a system call */

/* A lock that sleeps in the kernel and is reset in a forked child by storing 0. Not recursive. */
struct sys_lock {
	uint32_t word;
};
void sys_lock_take(struct sys_lock *lock);
bool sys_lock_try(struct sys_lock *lock);
void sys_lock_drop(struct sys_lock *lock);

#endif
