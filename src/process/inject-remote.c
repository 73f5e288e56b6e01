/* SPDX-License-Identifier: MIT */
/*
 * inject-remote.c: see inject-remote.h and inject-regs.h.
 *
 * The order of steps is what makes it safe to kill the tool between any two. A frame is written onto the
 * thread's stack, which leads it back. Then one ptrace call sets all registers, and from then on the thread
 * comes back by itself. Then signals are blocked, which the frame undoes. What is left of a tool that was
 * killed is a mapping, or a recording that nobody reads.
 *
 * PTRACE_SYSCALL is used to see the end of a system call, never a single step: the kernel takes the
 * former back when a tracer dies, a step would end in SIGTRAP. The end of a function shows by a signal that
 * the process ignores and has no handler for: a tracer sees it, without one nothing happens. A process that
 * handles all of them is traced from one system call to the next instead.
 */
#include "process/inject-remote.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/macro.h"

enum {
	REMOTE_RUN_MS = 10000, /* for the function to end */
	REMOTE_CODE_MAX = 8 << 20,
	REMOTE_CODE_PIECE = 16 << 10,
	REMOTE_CODE_OVERLAP = 16,
	REMOTE_SYSCALL_STOP = SIGTRAP | 0x80,
	REMOTE_EVENT_STOP = 128, /* PTRACE_EVENT_STOP */
};

/* In small pieces: what is read of a file's pages becomes resident in the process. */
static bool find_gadgets(struct remote *remote, const struct mapping *mapping)
{
	uint8_t code[REMOTE_CODE_PIECE + REMOTE_CODE_OVERLAP];
	uint64_t end = MIN(mapping->end, mapping->start + REMOTE_CODE_MAX);

	for (uint64_t at = mapping->start; at < end; at += REMOTE_CODE_PIECE) {
		size_t size = MIN(end - at, sizeof(code));

		if (remote_read(remote, at, code, size) < 0)
			return false;
		if (regs_find_gadgets(code, size, at, &remote->gadget_syscall,
				      &remote->gadget_sigreturn))
			return true;
	}
	return false;
}

/* Most likely in libc, near its beginning. */
static bool find_gadgets_somewhere(struct remote *remote, const struct maps *maps)
{
	for (unsigned pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < maps->n_mappings; i++) {
			const struct mapping *mapping = &maps->mappings[i];
			bool is_libc = strstr(mapping->path, "/libc.so") ||
				       strstr(mapping->path, "/libc-2.");

			if (mapping->exec && !mapping->write && mapping->inode &&
			    is_libc == (pass == 0) && find_gadgets(remote, mapping))
				return true;
		}
	return false;
}

/* A signal that means nothing to the process. */
static int choose_signal(const struct inject_facts *facts)
{
	static const int defaults[] = {SIGURG, SIGWINCH, SIGCHLD};

	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
		if (!(facts->caught >> (defaults[i] - 1) & 1))
			return defaults[i];
	for (int i = 1; i < SIGRTMIN; i++)
		if (facts->ignored >> (i - 1) & 1)
			return i;
	return 0;
}

int remote_init(struct remote *remote, pid_t pid, const struct inject_facts *facts,
		const struct maps *maps)
{
	char path[64];

	*remote = (struct remote){.pid = pid, .mem = -EBADF, .facts = *facts};
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	remote->mem = open(path, O_RDWR | O_CLOEXEC);
	if (remote->mem < 0)
		return errno == ENOENT ? -ESRCH : -EPERM;
	remote->signal = choose_signal(facts);
	return find_gadgets_somewhere(remote, maps) ? 0 : -ENOTSUP;
}

void remote_deinit(struct remote *remote)
{
	cleanup_close(&remote->mem);
}

int remote_read(struct remote *remote, uint64_t address, void *buffer, size_t size)
{
	ssize_t n = file_pread(remote->mem, buffer, size, address);

	return n < 0 ? (int)n : (size_t)n == size ? 0 : -EFAULT;
}

int remote_write(struct remote *remote, uint64_t address, const void *bytes, size_t size)
{
	while (size > 0) {
		ssize_t n = pwrite(remote->mem, bytes, size, (off_t)address);

		if (n <= 0)
			return n < 0 && errno != EIO ? -errno : -EFAULT;
		bytes = (const char *)bytes + n;
		address += (uint64_t)n;
		size -= (size_t)n;
	}
	return 0;
}

/* The next stop of the thread. -ESRCH if it has ended, -ETIMEDOUT. */
int remote_wait(struct remote *remote, uint64_t end_ns, int *ret)
{
	for (;;) {
		int status;

		if (waitpid(remote->tid, &status, __WALL) >= 0) {
			if (!WIFSTOPPED(status)) {
				remote->lost = true;
				return -ESRCH;
			}
			*ret = status;
			return 0;
		}
		if (errno != EINTR) {
			remote->lost = true;
			return -ESRCH;
		}
		if (clock_ns(CLOCK_MONOTONIC) > end_ns)
			return -ETIMEDOUT;
	}
}

bool remote_is_event(int status)
{
	return status >> 16 == REMOTE_EVENT_STOP;
}

int remote_resume(struct remote *remote, int request, int signal)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): that is how ptrace takes a signal */
	if (ptrace(request, remote->tid, NULL, (void *)(intptr_t)signal) == 0)
		return 0;
	remote->lost = errno == ESRCH;
	return -errno;
}

/* Resumes the thread and waits; signals that come meanwhile are kept from it. */
static int step(struct remote *remote, int request, uint64_t end_ns, int *ret_status)
{
	int r = remote_resume(remote, request, 0);

	if (r >= 0)
		r = remote_wait(remote, end_ns, ret_status);
	if (r >= 0 && !remote_is_event(*ret_status) && WSTOPSIG(*ret_status) == SIGSTOP)
		remote->held_signal = SIGSTOP;
	return r;
}

/* After the thread was first sent somewhere. Faults of ours are to come to the tool, and not to change
 * what the process does about its own. */
static int block_signals(struct remote *remote)
{
	static const int open[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
	uint64_t mask = UINT64_MAX;

	if (remote->sent)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(open); i++)
		mask &= ~(1ull << (open[i] - 1));
	if (remote->signal)
		mask &= ~(1ull << (remote->signal - 1));
	if (ptrace(PTRACE_SETSIGMASK, remote->tid, sizeof(mask), &mask) < 0)
		return -errno;
	remote->sent = true;
	return 0;
}

int remote_syscall(struct remote *remote, long number, const uint64_t arguments[6], int64_t *ret)
{
	uint64_t end_ns = clock_ns(CLOCK_MONOTONIC) + REMOTE_RUN_MS * 1000000ull;
	int r = regs_send_to_syscall(remote->tid, &remote->regs, remote->gadget_syscall,
				     remote->frame, number, arguments);

	if (r >= 0)
		r = block_signals(remote);
	/* it begins, it ends */
	for (unsigned n = 0; r >= 0 && n < 2;) {
		int status = 0;

		r = step(remote, PTRACE_SYSCALL, end_ns, &status);
		if (r >= 0 && WSTOPSIG(status) == REMOTE_SYSCALL_STOP)
			n++;
	}
	return r < 0 ? r : regs_result(remote->tid, ret);
}

static bool is_fault(int status)
{
	int signal = WSTOPSIG(status);

	return !remote_is_event(status) &&
	       (signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE);
}

int remote_continue(struct remote *remote, uint64_t finished_at, uint32_t finished)
{
	uint64_t end_ns =
		clock_ns(CLOCK_MONOTONIC) + (remote->run_ms ?: REMOTE_RUN_MS) * 1000000ull;

	for (;;) {
		int status = 0, r;
		uint32_t word;

		r = step(remote, remote->signal ? PTRACE_CONT : PTRACE_SYSCALL, end_ns, &status);
		remote->away = r == -ETIMEDOUT && !remote->ours;
		if (r < 0)
			return r;
		if (is_fault(status))
			return -EFAULT;
		r = remote_read(remote, finished_at, &word, sizeof(word));
		if (r < 0)
			return r;
		if (word == finished && !remote_is_event(status))
			return 0;
	}
}

/* Where the function returns to: for a thread of the process the frame that it came from. */
static int put_return(struct remote *remote, uint64_t top, uint64_t resume_at, uint64_t *ret)
{
	_cleanup_free_ void *frame = NULL;

	if (remote->ours) {
		*ret = ALIGN_DOWN(top, 16) - sizeof(resume_at);
		return remote_write(remote, *ret, &remote->leave, sizeof(remote->leave));
	}
	frame = calloc(1, regs_frame_size(&remote->regs));
	if (!frame)
		return -ENOMEM;
	*ret = regs_make_frame(&remote->regs, top, resume_at, frame);
	return remote_write(remote, *ret, frame, top - *ret);
}

int remote_run(struct remote *remote, uint64_t function, uint64_t top, uint64_t resume_at,
	       uint64_t finished_at, uint32_t finished)
{
	uint64_t sp;
	int r = put_return(remote, top, resume_at, &sp);

	if (r >= 0)
		r = regs_send_to_function(remote->tid, &remote->regs, function, sp);
	if (r >= 0)
		r = block_signals(remote);
	if (r >= 0)
		r = regs_clean_fp(remote->tid, &remote->regs);
	if (r >= 0)
		r = remote_continue(remote, finished_at, finished);
	return r;
}
