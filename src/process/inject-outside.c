/* SPDX-License-Identifier: MIT */
/*
 * inject-outside.c: where a thread is, told without unwinding its stack.
 *
 * In user code, outside of libc and of the allocator, it holds none of their locks; and no signal handler
 * that has interrupted them runs, if the stack above has no frame of a handler. In a system
 * call it is outside if no allocator makes that one: those that wait for files, sockets, time, children and
 * signals. A thread that waits on a futex, or sleeps, may wait for a lock of the allocator. glibc's waits only
 * for an arena, while it holds none; others may hold another one, so for them the words near the top of
 * the stack must not lead into their code.
 */
#include "process/inject-outside.h"

#include <stdlib.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/macro.h"

enum {
	OUTSIDE_STACK_MAX = 8 << 20, /* looked through for a handler's frame */
	OUTSIDE_PIECE = 64 << 10,
	OUTSIDE_NEAR = 1 << 10, /* bytes of a stack that tell who waits on a futex */
};

bool outside_is_idle_call(long number)
{
	static const short calls[] = {
#ifdef SYS_poll
		SYS_poll,      SYS_select,          SYS_epoll_wait,     SYS_pause,
		SYS_accept,
#endif
		SYS_ppoll,     SYS_pselect6,        SYS_epoll_pwait,    SYS_accept4,
		SYS_read,      SYS_readv,           SYS_recvfrom,       SYS_recvmsg,
		SYS_connect,   SYS_sendto,          SYS_sendmsg,        SYS_wait4,
		SYS_waitid,    SYS_rt_sigtimedwait, SYS_rt_sigsuspend,  SYS_clock_nanosleep,
		SYS_nanosleep, SYS_msgrcv,          SYS_semop,          SYS_semtimedop,
		SYS_flock,     SYS_io_getevents,    SYS_io_uring_enter, SYS_restart_syscall,
		SYS_futex,
	};

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i] == number)
			return true;
	return false;
}

static bool is_within(const struct inject_range *range, uint64_t address)
{
	return address - range->start < range->size;
}

typedef bool (*meaning)(struct remote *remote, uint64_t at, uint64_t end);

static bool is_call(struct remote *remote, uint64_t at, uint64_t end)
{
	return true;
}

/* Where a stack has the address that handlers return to. */
static bool is_handler(struct remote *remote, uint64_t at, uint64_t end)
{
	uint64_t words[REGS_FRAME_WORDS];
	size_t n = MIN((end - at) / sizeof(*words), (uint64_t)REGS_FRAME_WORDS);

	return remote_read(remote, at, words, n * sizeof(*words)) < 0 ||
	       regs_may_be_frame(words, n);
}

/* Whether a word of the stack, from its pointer on, is in the range and means something. */
static bool stack_has(struct remote *remote, const struct maps *maps, uint64_t size,
		      const struct inject_range *range, meaning means)
{
	_cleanup_free_ uint64_t *words = malloc(OUTSIDE_PIECE);
	uint64_t at = ALIGN_UP(regs_sp(&remote->regs), 8ull), end;
	const struct mapping *mapping = maps_find(maps, at);

	if (!words || !mapping)
		return true;
	end = MIN(mapping->end, at + size);
	for (uint64_t n; at < end; at += n) {
		n = MIN(end - at, (uint64_t)OUTSIDE_PIECE);
		if (remote_read(remote, at, words, n) < 0)
			return true;
		for (uint64_t i = 0; i < n / sizeof(*words); i++)
			if (is_within(range, words[i]) &&
			    means(remote, at + i * sizeof(*words), mapping->end))
				return true;
	}
	return false;
}

static bool may_wait_for_lock(long number)
{
	return number == SYS_futex || number == SYS_nanosleep || number == SYS_clock_nanosleep ||
	       number == SYS_restart_syscall;
}

static bool is_in_modules(const struct outside *outside, uint64_t pc)
{
	for (size_t i = 0; i < outside->n_modules; i++)
		if (is_within(&outside->modules[i], pc))
			return true;
	return false;
}

bool outside_suits(struct remote *remote, const struct maps *maps, const void *userdata)
{
	const struct outside *outside = userdata;
	struct inject_range handler = {outside->handler_return, 1};
	uint64_t pc = regs_pc(&remote->regs);

	if (remote->syscall < 0 && is_in_modules(outside, pc))
		return false;
	if (remote->syscall >= 0 &&
	    (!outside_is_idle_call(remote->syscall) || is_within(&outside->allocator, pc)))
		return false;
	if (may_wait_for_lock(remote->syscall) && outside->allocator.size &&
	    stack_has(remote, maps, OUTSIDE_NEAR, &outside->allocator, is_call))
		return false;
	return !handler.start || !stack_has(remote, maps, OUTSIDE_STACK_MAX, &handler, is_handler);
}
