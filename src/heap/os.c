/* SPDX-License-Identifier: MIT */
/*
 * os.c: the only caller of the system in the heap.
 *
 * Context: any thread, inside malloc, before constructors and under seccomp filters. So only calls
 * that every malloc makes are made: mmap, munmap, mremap, mprotect, madvise, futex, and the clock
 * through the vdso; and mincore as long as the embedder knows of no filter (zero.c). os_abort is
 * the exception, at the end of a process.
 */
#include "heap/os.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif
#ifndef MREMAP_DONTUNMAP /* since Linux 5.7 */
#define MREMAP_DONTUNMAP 4
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static bool is_error(long result)
{
	return (unsigned long)result > -4096ul;
}

static void *map(size_t size, int prot)
{
	long r = os_syscall(SYS_mmap, 0, (long)size, prot,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);

	return is_error(r) ? NULL : (void *)r;
}

void *os_map(size_t size)
{
	return map(size, PROT_READ | PROT_WRITE);
}

void os_unmap(void *start, size_t size)
{
	(void)os_syscall(SYS_munmap, (long)start, (long)size, 0, 0, 0);
}

void *os_reserve(size_t size)
{
	return map(size, PROT_NONE);
}

int os_map_at(uintptr_t start, size_t size)
{
	long r = os_syscall(SYS_mmap, (long)start, (long)size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1);

	if (is_error(r))
		return (int)r;
	if ((uintptr_t)r == start)
		return 0;
	/* emulators and kernels before 4.17 take the address as a hint */
	os_unmap((void *)r, size);
	return -EEXIST;
}

int os_unprotect(uintptr_t start, size_t size)
{
	return (int)os_syscall(SYS_mprotect, (long)start, (long)size, PROT_READ | PROT_WRITE, 0, 0);
}

void *os_remap(void *start, size_t old_size, size_t new_size)
{
	long r = os_syscall(SYS_mremap, (long)start, (long)old_size, (long)new_size, MREMAP_MAYMOVE,
			    0);

	return is_error(r) ? NULL : (void *)r;
}

int os_move(uintptr_t from, uintptr_t to, size_t size)
{
	const long r = os_syscall(SYS_mremap, (long)from, (long)size, (long)size,
				  MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, (long)to);

	int again;

	if (!is_error(r))
		return 0;
	/* the kernel may have made place before it found that it cannot */
	again = os_map_at(to, size);
	return again == 0 || again == -EEXIST ? (int)r : -EFAULT;
}

int os_discard(uintptr_t start, size_t size)
{
	return (int)os_syscall(SYS_madvise, (long)start, (long)size, MADV_DONTNEED, 0, 0);
}

int os_find_resident(uintptr_t start, size_t size, unsigned char *ret_pages)
{
	return (int)os_syscall(SYS_mincore, (long)start, (long)size, (long)ret_pages, 0, 0);
}

bool os_is_mapped(uintptr_t page)
{
	return os_syscall(SYS_madvise, (long)page, 1, MADV_NORMAL, 0, 0) != -ENOMEM;
}

int os_wipe_on_fork(void *start, size_t size)
{
	return (int)os_syscall(SYS_madvise, (long)start, (long)size, MADV_WIPEONFORK, 0, 0);
}

void os_futex_wait(uint32_t *word, uint32_t value)
{
	(void)os_syscall(SYS_futex, (long)word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, value, 0, 0);
}

void os_futex_wake(uint32_t *word, int n)
{
	(void)os_syscall(SYS_futex, (long)word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, n, 0, 0);
}

uint64_t os_now_ns(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec + 1;
}

uintptr_t os_random(void)
{
	static char here;
	uintptr_t bits = (uintptr_t)&here ^ (uintptr_t)__builtin_frame_address(0) << 16;

	/* Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014: mix64 */
	bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9ull;
	bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebull;
	return bits ^ (bits >> 31);
}

void os_set_enomem(void)
{
	errno = ENOMEM;
}

void os_abort(void)
{
	long pid = os_syscall(SYS_getpid, 0, 0, 0, 0, 0);
	long tid = os_syscall(SYS_gettid, 0, 0, 0, 0, 0);

	(void)os_syscall(SYS_tgkill, pid, tid, SIGABRT, 0, 0);
	__builtin_trap();
}
