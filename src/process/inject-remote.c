/* SPDX-License-Identifier: MIT */
/*
 * inject-remote.c: see inject-remote.h and inject-regs.h.
 *
 * The order of steps is what makes it safe to kill the tool between any two. A frame is written below the
 * red zone, where the kernel would put one for a signal. Then one ptrace call sets all registers, and from
 * then on the thread comes back by itself. Then signals are blocked, which the frame undoes. At the end
 * the floating point state and the signal mask are restored first, then the registers: until then the
 * frame would do the same. What is left of a tool that was killed is a mapping, or a recording that
 * nobody reads.
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
#include "base/file.h"
#include "base/macro.h"
#include "process/inject-choose.h"

enum {
	REMOTE_STOP_MS = 500,  /* for a thread to stop */
	REMOTE_RUN_MS = 10000, /* for the function to end */
	REMOTE_CODE_MAX = 8 << 20,
	REMOTE_THREADS_MAX = 4096,
	REMOTE_PENDING_MAX = 8,
	REMOTE_OPTIONS = PTRACE_O_TRACESYSGOOD,
	REMOTE_SUSPEND_SECCOMP = 1 << 21, /* PTRACE_O_SUSPEND_SECCOMP */
	REMOTE_SYSCALL_STOP = SIGTRAP | 0x80,
	REMOTE_EVENT_STOP = 128, /* PTRACE_EVENT_STOP */
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static bool find_gadgets(struct remote *remote, const struct mapping *mapping)
{
	_cleanup_free_ uint8_t *code = NULL;
	uint64_t size = MIN(mapping->end - mapping->start, (uint64_t)REMOTE_CODE_MAX);

	code = malloc(size);
	if (!code || remote_read(remote, mapping->start, code, size) < 0)
		return false;
	return regs_find_gadgets(code, size, mapping->start, &remote->gadget_syscall,
				 &remote->gadget_sigreturn);
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
	for (size_t i = 0; i < maps->n_mappings; i++)
		if (maps->mappings[i].exec && !maps->mappings[i].write && maps->mappings[i].inode &&
		    find_gadgets(remote, &maps->mappings[i]))
			return 0;
	return -ENOTSUP;
}

void remote_deinit(struct remote *remote)
{
	inject_wait_end(&remote->wait);
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
static int wait_stop(struct remote *remote, uint64_t end_ns, int *ret)
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
		if (now_ns() > end_ns)
			return -ETIMEDOUT;
	}
}

static bool is_event(int status)
{
	return status >> 16 == REMOTE_EVENT_STOP;
}

static int resume(struct remote *remote, int request, int signal)
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
	int r = resume(remote, request, 0);

	if (r >= 0)
		r = wait_stop(remote, end_ns, ret_status);
	if (r >= 0 && !is_event(*ret_status) && WSTOPSIG(*ret_status) == SIGSTOP)
		remote->held_signal = SIGSTOP;
	return r;
}

static int save(struct remote *remote, const struct maps *maps);

/* Stops that thread. It may be left traced when that takes too long. */
static int stop_thread(struct remote *remote, pid_t tid, const struct maps *maps)
{
	long options = REMOTE_OPTIONS | (remote->facts.filtered ? REMOTE_SUSPEND_SECCOMP : 0);
	uint64_t end_ns;
	int status, r;

	remote->tid = tid;
	if (ptrace(PTRACE_SEIZE, tid, NULL, options) < 0)
		return -errno;
	remote->seized = true;
	remote->stopped_at_ns = now_ns();
	end_ns = remote->stopped_at_ns + REMOTE_STOP_MS * 1000000ull;
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0)
		return -errno;
	for (;;) {
		r = wait_stop(remote, end_ns, &status);
		if (r < 0)
			return r;
		if (is_event(status))
			break;
		/* a signal was first: it has its way */
		r = resume(remote, PTRACE_CONT, WSTOPSIG(status));
		if (r < 0)
			return r;
	}
	remote->stopped = true;
	return WSTOPSIG(status) == SIGTRAP ? save(remote, maps) : -EBUSY;
}

int remote_stop(struct remote *remote, const struct maps *maps)
{
	_cleanup_free_ pid_t *tids = calloc(REMOTE_THREADS_MAX, sizeof(*tids));
	size_t n;
	int r = -ESRCH;

	if (!tids)
		return -ENOMEM;
	n = inject_choose_threads(remote->pid, maps, tids, REMOTE_THREADS_MAX);
	inject_wait_begin(&remote->wait);
	for (size_t i = 0; i < n; i++) {
		remote->lost = remote->seized = remote->stopped = false;
		r = stop_thread(remote, tids[i], maps);
		if (r == 0)
			return 0;
		if (remote->stopped)
			(void)resume(remote, PTRACE_DETACH, 0);
		remote->stopped = false;
		/* this thread has ended, or cannot be stopped; there may be others */
		if (r != -ESRCH && r != -ETIMEDOUT && r != -ENOSPC)
			break;
	}
	inject_wait_end(&remote->wait);
	return r;
}

/*
 * A restartable sequence (rseq(2)) that the thread is stopped in has to be begun again: the kernel does
 * that only for a thread that it resumes inside of one.
 */
static void leave_rseq(struct remote *remote)
{
	struct {
		uint64_t address;
		uint32_t size, signature, flags, pad;
	} config;
	struct {
		uint32_t version, flags;
		uint64_t start, length, abort;
	} sequence;
	uint64_t pointer;

	if (ptrace(PTRACE_GET_RSEQ_CONFIGURATION, remote->tid, sizeof(config), &config) < 0 ||
	    !config.address ||
	    remote_read(remote, config.address + 8, &pointer, sizeof(pointer)) < 0 || !pointer ||
	    remote_read(remote, pointer, &sequence, sizeof(sequence)) < 0)
		return;
	if (regs_pc(&remote->regs) - sequence.start < sequence.length)
		regs_set_pc(&remote->regs, sequence.abort);
}

/* Whether a signal waits that the thread does not block. */
static bool has_pending(const struct remote *remote)
{
	siginfo_t infos[REMOTE_PENDING_MAX];

	for (unsigned shared = 0; shared < 2; shared++) {
		struct __ptrace_peeksiginfo_args arguments = {0, shared, REMOTE_PENDING_MAX};
		long n = ptrace(PTRACE_PEEKSIGINFO, remote->tid, &arguments, infos);

		for (long i = 0; i < n; i++)
			if (!(remote->regs.signal_mask >> (infos[i].si_signo - 1) & 1))
				return true;
	}
	return false;
}

/* Saves the thread's state and puts the frame below its stack pointer. */
static int save(struct remote *remote, const struct maps *maps)
{
	_cleanup_free_ void *frame = NULL;
	uint64_t top;
	size_t size;
	int r = regs_save(remote->tid, &remote->regs);

	if (r < 0)
		return r;
	leave_rseq(remote);
	regs_restart_syscall(&remote->regs, has_pending(remote));
	size = regs_frame_size(&remote->regs);
	top = regs_sp(&remote->regs) - REGS_RED_ZONE;
	if (!maps_find(maps, top - size) || !maps_find(maps, top - size)->write)
		return -ENOSPC;
	frame = calloc(1, size);
	if (!frame)
		return -ENOMEM;
	remote->frame = regs_make_frame(&remote->regs, top, remote->gadget_sigreturn, frame);
	r = remote_write(remote, remote->frame, frame, top - remote->frame);
	return r < 0 ? -ENOSPC : 0;
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
	uint64_t end_ns = now_ns() + REMOTE_RUN_MS * 1000000ull;
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

	return !is_event(status) &&
	       (signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE);
}

static int wait_finished(struct remote *remote, uint64_t finished_at, uint32_t finished)
{
	uint64_t end_ns = now_ns() + REMOTE_RUN_MS * 1000000ull;

	for (;;) {
		int status = 0, r;
		uint32_t word;

		r = step(remote, remote->signal ? PTRACE_CONT : PTRACE_SYSCALL, end_ns, &status);
		if (r < 0)
			return r;
		if (is_fault(status))
			return -EFAULT;
		r = remote_read(remote, finished_at, &word, sizeof(word));
		if (r < 0)
			return r;
		if (word == finished && !is_event(status))
			return 0;
	}
}

int remote_run(struct remote *remote, uint64_t function, uint64_t top, uint64_t resume_at,
	       uint64_t finished_at, uint32_t finished)
{
	_cleanup_free_ void *frame = calloc(1, regs_frame_size(&remote->regs));
	uint64_t at;
	int r;

	if (!frame)
		return -ENOMEM;
	at = regs_make_frame(&remote->regs, top, resume_at, frame);
	r = remote_write(remote, at, frame, top - at);
	if (r >= 0)
		r = regs_send_to_function(remote->tid, &remote->regs, function, at);
	if (r >= 0)
		r = block_signals(remote);
	if (r >= 0)
		r = regs_clean_fp(remote->tid, &remote->regs);
	if (r >= 0)
		r = wait_finished(remote, finished_at, finished);
	return r;
}

uint64_t remote_release(struct remote *remote)
{
	if (!remote->stopped)
		return 0;
	remote->stopped = false;
	if (!remote->lost) {
		(void)regs_restore(remote->tid, &remote->regs);
		(void)resume(remote, PTRACE_DETACH, 0);
	}
	if (remote->held_signal)
		syscall(SYS_tgkill, remote->pid, remote->tid, remote->held_signal);
	inject_wait_end(&remote->wait);
	return now_ns() - remote->stopped_at_ns;
}
