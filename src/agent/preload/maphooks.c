/* SPDX-License-Identifier: MIT */
/*
 * maphooks.c: the mapping calls of the program: made as libc would make them, then told to the core.
 *
 * Only calls through the dynamic symbol are seen: those of libc's own parts (thread stacks, its malloc,
 * stdio) do not pass here. Calls that the program's allocator makes for its own heap are told apart by
 * their return address. The system calls are made directly, as libc's functions do nothing else; but brk
 * has a copy of the break in libc, so brk and sbrk go through there.
 *
 * Context: any thread, signal handlers, children of vfork. errno is set exactly where the call fails.
 */
/* <sys/mman.h> would give the function mmap below the name mmap64 */
#undef _FILE_OFFSET_BITS

#include "agent/preload/maphooks.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/core/core.h"
#include "agent/core/sys.h"
#include "agent/preload/boot.h"
#include "agent/preload/linkmap.h"
#include "base/macro.h"

enum {
	OFFSET_UNIT =
		4096, /* mmap's offset is a multiple of it on every architecture that we serve */
};

static int (*next_brk)(void *);
static void *(*next_sbrk)(intptr_t);
static bool recording;

/* The caller of the function that this stands in. */
#define CALLER ((uintptr_t)__builtin_return_address(0))

void maphooks_find(void)
{
	next_brk = linkmap_find_next("brk", NULL);
	next_sbrk = linkmap_find_next("sbrk", NULL);
}

void maphooks_set_recording(bool on)
{
	recording = on;
}

static bool is_recorded(uintptr_t caller)
{
	return recording && !boot_is_own_code(caller);
}

/* errno and -1 from the kernel's result. */
static long finish(long result)
{
	if (likely((unsigned long)result < -4095UL))
		return result;
	errno = (int)-result;
	return -1;
}

static void *map(void *start, size_t size, int prot, int flags, int fd, off_t offset,
		 uintptr_t caller)
{
	long r = -EINVAL;

	if (IS_ALIGNED((uint64_t)offset, OFFSET_UNIT))
		r = sys_call6(SYS_NR_mmap, (long)start, (long)size, prot, flags, fd, offset);
	if (finish(r) == -1)
		return MAP_FAILED;
	if (is_recorded(caller))
		core_mapped((void *)r, size, prot, flags, fd, boot_is_backend_code(caller));
	return (void *)r;
}

_export_ void *mmap(void *start, size_t size, int prot, int flags, int fd, off_t offset)
{
	return map(start, size, prot, flags, fd, offset, CALLER);
}

_export_ void *mmap64(void *start, size_t size, int prot, int flags, int fd, off64_t offset)
{
	return map(start, size, prot, flags, fd, offset, CALLER);
}

_export_ int munmap(void *start, size_t size)
{
	bool recorded =
		is_recorded(CALLER) && size > 0 && IS_ALIGNED((uintptr_t)start, OFFSET_UNIT);
	long r;

	if (recorded)
		core_unmapping(start, size);
	r = sys_call3(SYS_NR_munmap, (long)start, (long)size, 0);
	if (unlikely(r < 0) && recorded)
		core_unmap_failed(start, size);
	return (int)finish(r);
}

_export_ void *mremap(void *old_start, size_t old_size, size_t size, int flags, ...)
{
	void *wanted = NULL;
	va_list arguments;
	long r;

	va_start(arguments, flags);
	if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))
		wanted = va_arg(arguments, void *);
	va_end(arguments);
	r = sys_call6(SYS_NR_mremap, (long)old_start, (long)old_size, (long)size, flags,
		      (long)wanted, 0);
	if (finish(r) == -1)
		return MAP_FAILED;
	if (is_recorded(CALLER))
		core_remapped(old_start, old_size, (void *)r, size, flags,
			      boot_is_backend_code(CALLER));
	return (void *)r;
}

_export_ int brk(void *wanted)
{
	uintptr_t old;
	int r;

	if (boot_mode == BOOT_NEW)
		(void)boot();
	old = (uintptr_t)next_sbrk(0);
	r = next_brk(wanted);
	if (r == 0 && is_recorded(CALLER))
		core_break_moved(old, (uintptr_t)wanted, boot_is_backend_code(CALLER));
	return r;
}

_export_ void *sbrk(intptr_t delta)
{
	void *old;

	if (boot_mode == BOOT_NEW)
		(void)boot();
	old = next_sbrk(delta);
	if (old != (void *)-1 && delta != 0 && is_recorded(CALLER))
		core_break_moved((uintptr_t)old, (uintptr_t)old + (uintptr_t)delta,
				 boot_is_backend_code(CALLER));
	return old;
}

_export_ int madvise(void *start, size_t size, int advice)
{
	long r = sys_call3(SYS_NR_madvise, (long)start, (long)size, advice);

	if (r == 0 && is_recorded(CALLER))
		core_advised(start, size, advice);
	return (int)finish(r);
}
