/* SPDX-License-Identifier: MIT */
/*
 * sys.h: all that the freestanding core needs of the outside: raw system calls, the thread pointer, the
 * clock of the vdso, memory helpers and a futex lock. Registers and system call numbers stand in the
 * file named for the architecture, which gives sys_call3/4/6 (the kernel's result: a value or -errno),
 * sys_thread_pointer, sys_stack_pointer and the SYS_NR_ numbers.
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

/* The kernel's errors that the core tells apart or returns. */
enum sys_error {
	SYS_EPERM = 1,
	SYS_ENOENT = 2,
	SYS_EINTR = 4,
	SYS_EAGAIN = 11,
	SYS_ENOMEM = 12,
	SYS_EBUSY = 16,
	SYS_EINVAL = 22,
	SYS_EFBIG = 27,
	SYS_ENOSYS = 38,
	SYS_EALREADY = 114,
};

enum {
	SYS_PROT_READ = 1,
	SYS_PROT_WRITE = 2,
	SYS_MAP_SHARED = 0x01,
	SYS_MAP_PRIVATE = 0x02,
	SYS_MAP_FIXED = 0x10,
	SYS_MAP_ANONYMOUS = 0x20,
	SYS_MAP_GROWSDOWN = 0x100,
	SYS_MAP_NORESERVE = 0x4000,
	SYS_MAP_STACK = 0x20000,
	SYS_MAP_HUGETLB = 0x40000,
	SYS_MADV_RANDOM = 1,
	SYS_MADV_DONTNEED = 4,
	SYS_MADV_NOHUGEPAGE = 15,
	SYS_MADV_DONTDUMP = 16,
	SYS_MADV_DODUMP = 17,
	SYS_MADV_WIPEONFORK = 18,
	SYS_MADV_KEEPONFORK = 19,
	SYS_MADV_POPULATE_READ = 22,
	SYS_MADV_POPULATE_WRITE = 23,
};

/* The definitions of what compilers may call; hidden, so that an image has its own. */
_hidden_ void *memcpy(void *dest, const void *src, size_t size);
_hidden_ void *memmove(void *dest, const void *src, size_t size);
_hidden_ void *memset(void *dest, int value, size_t size);
_hidden_ int memcmp(const void *a, const void *b, size_t size);

/* Bytes of a page. Right from the first call of sys_init on; 4096 before. */
size_t sys_page_size(void);

/* Zeroed, MAP_NORESERVE, not in core files; NULL on failure. */
void *sys_map_private(size_t size);
void sys_unmap(void *start, size_t size);

/*
 * What is mapped by sys_map_private, or noted by others, and not unmapped: an embedder that begins anew
 * gives it back first. Mappings that find no room here stay.
 */
struct sys_mapping {
	uint64_t start; /* 0: none */
	uint64_t size;  /* 0: being noted */
};
enum { SYS_MAPPINGS = 64 };
extern _hidden_ struct sys_mapping sys_mappings[SYS_MAPPINGS];
void sys_note_mapping(const void *start, size_t size);
int sys_madvise(void *start, size_t size, int advice);
int sys_gettid(void);
int sys_getpid(void); /* never cached: right in every child */

/* Plain calls for reading files in /proc when recording begins; -errno on failure. */
int sys_open_read(const char *path);
long sys_read(int fd, void *buffer, size_t size);
void sys_close(int fd);

/*
 * Whether the whole pages that hold [start, start + size) can be read, asked of the kernel without
 * reading them: by madvise, which every program that allocates is allowed to call, and on kernels before
 * 5.14, which cannot tell that way, by sigprocmask, a call a page. sys_can_probe is false if neither
 * works here.
 */
bool sys_is_readable(uintptr_t start, size_t size);
bool sys_can_probe(void);

/*
 * Finds the clock in the vdso and the size of a page. vdso is AT_SYSINFO_EHDR; 0 falls back to the
 * system call.
 */
void sys_init(uintptr_t vdso);
static inline uint64_t
sys_clock_coarse_ns(void);   /* CLOCK_MONOTONIC_COARSE, a few nanoseconds to read */
uint64_t sys_clock_ns(void); /* CLOCK_MONOTONIC */
uint64_t sys_clock_realtime_ns(void);
uint64_t sys_clock_process_cpu_ns(void); /* a system call; 0 if it is refused */
uint64_t sys_clock_thread_cpu_ns(void);  /* the same */

/*
 * A lock that sleeps in the kernel and is reset in a forked child by storing 0. Not recursive. The word
 * is 0 free, 1 held, 2 held and somebody may be waiting.
 */
struct sys_lock {
	uint32_t word;
};
void sys_lock_take(struct sys_lock *lock);
bool sys_lock_try(struct sys_lock *lock);
/* Gives up after timeout_ns without the lock: false. */
bool sys_lock_take_timed(struct sys_lock *lock, uint64_t timeout_ns);
void sys_lock_drop(struct sys_lock *lock);

/* private to the inline functions */
enum { SYS_CLOCK_MONOTONIC_COARSE = 6 };

struct sys_timespec {
	int64_t seconds;
	int64_t nanoseconds;
};
extern _hidden_ int (*sys_vdso_clock)(int clock, struct sys_timespec *ret);

uint64_t sys_clock_coarse_slow(void);

static _always_inline_ uint64_t sys_clock_coarse_ns(void)
{
	int (*function)(int, struct sys_timespec *) =
		__atomic_load_n(&sys_vdso_clock, __ATOMIC_RELAXED);
	struct sys_timespec ts;

	if (unlikely(!function) || unlikely(function(SYS_CLOCK_MONOTONIC_COARSE, &ts) != 0))
		return sys_clock_coarse_slow();
	return (uint64_t)ts.seconds * 1000000000u + (uint64_t)ts.nanoseconds;
}

#endif
