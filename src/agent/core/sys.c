/* SPDX-License-Identifier: MIT */
/*
 * sys.c: what the freestanding core has instead of a libc.
 *
 * Context: any thread, inside malloc, signal handlers possible, children of every kind. Nothing here
 * keeps a state that a fork could tear: the clock's address and the page size are written once, when
 * recording begins, and are the same in every child.
 *
 * memcpy and its relatives are here because compilers call them on their own. They move words, not
 * vectors: what the core copies is short. A barrier in each loop keeps the compiler from recognising it
 * and calling the function that it is in.
 */
#include "agent/core/sys.h"

#include "agent/core/vdso.h"
#include "region/abi.h"

enum {
	SYS_AT_FDCWD = -100,
	SYS_O_CLOEXEC = 02000000,
	SYS_FUTEX_WAIT_PRIVATE = 128,
	SYS_FUTEX_WAKE_PRIVATE = 129,
	SYS_CLOCK_REALTIME = 0,
	SYS_CLOCK_MONOTONIC = 1,
	SYS_CLOCK_PROCESS_CPUTIME_ID = 2,
	SYS_CLOCK_THREAD_CPUTIME_ID = 3,
};

/* Eight bytes at any address and of any type. */
struct sys_word {
	uint64_t value;
} __attribute__((packed, may_alias));

/* What the compiler may not see through. */
#define sys_barrier() __asm__ volatile("" : : : "memory")

struct sys_mapping sys_mappings[SYS_MAPPINGS];
/* the tool reads it, as struct mt_range */
_Static_assert(sizeof(sys_mappings) == MT_OWN_MAPPINGS * sizeof(struct mt_range), "published");

int (*sys_vdso_clock)(int clock, struct sys_timespec *ret);
static size_t sys_page_bytes = 4096;
static bool sys_probes;

void *memcpy(void *restrict dest, const void *restrict src, size_t size)
{
	unsigned char *d = dest;
	const unsigned char *s = src;

	for (; size >= 8; size -= 8, d += 8, s += 8) {
		((struct sys_word *)d)->value = ((const struct sys_word *)s)->value;
		sys_barrier();
	}
	for (; size > 0; size--) {
		*d++ = *s++;
		sys_barrier();
	}
	return dest;
}

void *memmove(void *dest, const void *src, size_t size)
{
	unsigned char *d = dest;
	const unsigned char *s = src;

	if ((uintptr_t)d - (uintptr_t)s >= size) /* below src, or far enough above: front to back */
		return memcpy(dest, src, size);
	for (; size >= 8; size -= 8) {
		((struct sys_word *)(d + size - 8))->value =
			((const struct sys_word *)(s + size - 8))->value;
		sys_barrier();
	}
	for (; size > 0; size--) {
		d[size - 1] = s[size - 1];
		sys_barrier();
	}
	return dest;
}

void *memset(void *dest, int value, size_t size)
{
	unsigned char *d = dest;
	uint64_t word = (unsigned char)value * 0x0101010101010101ull;

	for (; size >= 8; size -= 8, d += 8) {
		((struct sys_word *)d)->value = word;
		sys_barrier();
	}
	for (; size > 0; size--) {
		*d++ = (unsigned char)value;
		sys_barrier();
	}
	return dest;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const unsigned char *p = a, *q = b;

	for (; size > 0; size--, p++, q++)
		if (*p != *q)
			return *p < *q ? -1 : 1;
	return 0;
}

size_t sys_page_size(void)
{
	return sys_page_bytes;
}

void *sys_map_private(size_t size)
{
	long r = sys_call6(SYS_NR_mmap, 0, (long)size, SYS_PROT_READ | SYS_PROT_WRITE,
			   SYS_MAP_PRIVATE | SYS_MAP_ANONYMOUS | SYS_MAP_NORESERVE, -1, 0);

	if (r < 0 && r > -4096)
		return NULL;
	/* a core file has the region; the tables behind it would only double that */
	sys_madvise((void *)r, size, SYS_MADV_DONTDUMP);
	/* nor may a first byte make two megabytes resident */
	sys_madvise((void *)r, size, SYS_MADV_NOHUGEPAGE);
	sys_note_mapping((void *)r, size);
	return (void *)r;
}

void sys_note_mapping(const void *start, size_t size)
{
	for (unsigned i = 0; i < SYS_MAPPINGS; i++) {
		uint64_t none = 0;

		if (__atomic_compare_exchange_n(&sys_mappings[i].start, &none, (uint64_t)start,
						false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
			sys_mappings[i].size = size;
			return;
		}
	}
}

/* Whoever unmaps has the mapping for itself: nobody else looks for that address. */
static void sys_forget_mapping(const void *start)
{
	for (unsigned i = 0; i < SYS_MAPPINGS; i++) {
		if (__atomic_load_n(&sys_mappings[i].start, __ATOMIC_RELAXED) != (uint64_t)start)
			continue;
		sys_mappings[i].size = 0;
		__atomic_store_n(&sys_mappings[i].start, 0, __ATOMIC_RELAXED);
		return;
	}
}

void sys_unmap(void *start, size_t size)
{
	sys_forget_mapping(start);
	sys_call3(SYS_NR_munmap, (long)start, (long)size, 0);
}

int sys_madvise(void *start, size_t size, int advice)
{
	return (int)sys_call3(SYS_NR_madvise, (long)start, (long)size, advice);
}

int sys_gettid(void)
{
	return (int)sys_call3(SYS_NR_gettid, 0, 0, 0);
}

int sys_getpid(void)
{
	return (int)sys_call3(SYS_NR_getpid, 0, 0, 0);
}

int sys_open_read(const char *path)
{
	return (int)sys_call4(SYS_NR_openat, SYS_AT_FDCWD, (long)path, SYS_O_CLOEXEC, 0);
}

long sys_read(int fd, void *buffer, size_t size)
{
	return sys_call3(SYS_NR_read, fd, (long)buffer, (long)size);
}

void sys_close(int fd)
{
	sys_call3(SYS_NR_close, fd, 0, 0);
}

bool sys_can_probe(void)
{
	return __atomic_load_n(&sys_probes, __ATOMIC_RELAXED);
}

/*
 * A change of the signal mask in a way that does not exist: the kernel reads the new mask, 8 bytes, and
 * then refuses. It says EFAULT if it could not read them.
 */
static bool sys_is_page_readable(uintptr_t page)
{
	return sys_call4(SYS_NR_rt_sigprocmask, -1, (long)page, 0, 8) == -SYS_EINVAL;
}

bool sys_is_readable(uintptr_t start, size_t size)
{
	uintptr_t first = ALIGN_DOWN(start, sys_page_bytes), end = start + size;
	int r;

	if (end < start)
		return false;
	end = ALIGN_UP(end, sys_page_bytes);
	if (end <= first)
		return false;
	r = sys_madvise((void *)first, end - first, SYS_MADV_POPULATE_READ);
	if (likely(r != -SYS_EINVAL))
		return r == 0;
	/* a kernel before 5.14, or pages that cannot be populated */
	while (first < end && sys_is_page_readable(first))
		first += sys_page_bytes;
	return first >= end;
}

static size_t sys_find_page_size(void)
{
	/* the stack is mapped; an address inside a page is refused */
	uintptr_t base = ALIGN_DOWN(sys_stack_pointer(), 65536ul);

	for (size_t size = 4096; size < 65536; size *= 2)
		if (sys_madvise((void *)(base + size), 0, 0) == 0)
			return size;
	return 65536;
}

void sys_init(uintptr_t vdso)
{
	uintptr_t clock = vdso ? vdso_find(vdso, SYS_VDSO_CLOCK_GETTIME) : 0;

	sys_page_bytes = sys_find_page_size();
	__atomic_store_n(&sys_probes, sys_is_readable(sys_stack_pointer(), 1), __ATOMIC_RELAXED);
	if (clock)
		__atomic_store_n(&sys_vdso_clock, (void *)clock, __ATOMIC_RELAXED);
}

static uint64_t sys_clock(int clock)
{
	int (*function)(int, struct sys_timespec *) =
		__atomic_load_n(&sys_vdso_clock, __ATOMIC_RELAXED);
	struct sys_timespec ts = {0, 0};

	if (unlikely(!function) || unlikely(function(clock, &ts) != 0))
		if (sys_call3(SYS_NR_clock_gettime, clock, (long)&ts, 0) < 0)
			return 0;
	return (uint64_t)ts.seconds * 1000000000u + (uint64_t)ts.nanoseconds;
}

uint64_t sys_clock_coarse_slow(void)
{
	return sys_clock(SYS_CLOCK_MONOTONIC_COARSE);
}

uint64_t sys_clock_ns(void)
{
	return sys_clock(SYS_CLOCK_MONOTONIC);
}

uint64_t sys_clock_realtime_ns(void)
{
	return sys_clock(SYS_CLOCK_REALTIME);
}

uint64_t sys_clock_process_cpu_ns(void)
{
	return sys_clock(SYS_CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t sys_clock_thread_cpu_ns(void)
{
	return sys_clock(SYS_CLOCK_THREAD_CPUTIME_ID);
}

bool sys_lock_try(struct sys_lock *lock)
{
	uint32_t free = 0;

	/* acquire pairs with the release in sys_lock_drop */
	return __atomic_compare_exchange_n(&lock->word, &free, 1, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

bool sys_lock_take_timed(struct sys_lock *lock, uint64_t timeout_ns)
{
	uint64_t deadline;

	if (likely(sys_lock_try(lock)))
		return true;
	deadline = sys_clock_ns() + timeout_ns;
	/* acquire pairs with the release in sys_lock_drop */
	while (__atomic_exchange_n(&lock->word, 2, __ATOMIC_ACQUIRE) != 0) {
		uint64_t now = sys_clock_ns();
		struct sys_timespec ts;

		if (now >= deadline)
			return false;
		ts.seconds = (int64_t)((deadline - now) / 1000000000u);
		ts.nanoseconds = (int64_t)((deadline - now) % 1000000000u);
		sys_call4(SYS_NR_futex, (long)&lock->word, SYS_FUTEX_WAIT_PRIVATE, 2, (long)&ts);
	}
	return true;
}

void sys_lock_take(struct sys_lock *lock)
{
	if (likely(sys_lock_try(lock)))
		return;
	/* acquire pairs with the release in sys_lock_drop */
	while (__atomic_exchange_n(&lock->word, 2, __ATOMIC_ACQUIRE) != 0)
		sys_call4(SYS_NR_futex, (long)&lock->word, SYS_FUTEX_WAIT_PRIVATE, 2, 0);
}

void sys_lock_drop(struct sys_lock *lock)
{
	/* release pairs with the acquires above */
	if (__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) == 2)
		sys_call3(SYS_NR_futex, (long)&lock->word, SYS_FUTEX_WAKE_PRIVATE, 1);
}
