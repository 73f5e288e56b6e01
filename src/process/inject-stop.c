/* SPDX-License-Identifier: MIT */
/*
 * inject-stop.c: stopping a thread of the process, keeping all that it was, and letting it go.
 *
 * The frame that leads it back is written below its red zone, where the kernel would put one for a
 * signal. At the end the floating point state and the signal mask are restored first, then the registers:
 * until then the frame would do the same.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/macro.h"
#include "process/inject-choose.h"
#include "process/inject-remote.h"

enum {
	STOP_MS = 500,       /* for a thread to stop, before another one is told to */
	STOP_LAST_MS = 5000, /* for any of those that were told to */
	STOP_LOOK_NS = 1000000,
	STOP_PENDING_MAX = 8,
	STOP_SUSPEND_SECCOMP = 1 << 21, /* PTRACE_O_SUSPEND_SECCOMP */
};

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
	siginfo_t infos[STOP_PENDING_MAX];

	for (unsigned shared = 0; shared < 2; shared++) {
		struct __ptrace_peeksiginfo_args arguments = {0, shared, STOP_PENDING_MAX};
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
	remote->syscall = regs_syscall(&remote->regs);
	if (remote->suits && !remote->suits(remote, maps, remote->suits_userdata))
		return -EXFULL;
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

/* It stands, because of us or of a stop that is not ours; that was told when. */
static int take_stop(struct remote *remote, int status, uint64_t told_ns, const struct maps *maps)
{
	remote->seized = remote->stopped = true;
	remote->stopped_at_ns = told_ns;
	remote->seen_at_ns = clock_ns(CLOCK_MONOTONIC);
	return WSTOPSIG(status) == SIGTRAP ? save(remote, maps) : -EBUSY;
}

/* Where it cannot be used. */
static void let_go(struct remote *remote)
{
	if (remote->stopped)
		(void)remote_resume(remote, PTRACE_DETACH, 0);
	remote->stopped = false;
}

/* Stops that thread. It is left traced when that takes too long. */
static int stop_thread(struct remote *remote, pid_t tid, const struct maps *maps)
{
	long options = REMOTE_OPTIONS | (remote->facts.filtered ? STOP_SUSPEND_SECCOMP : 0);
	uint64_t end_ns;
	int status, r;

	remote->tid = tid;
	if (ptrace(PTRACE_SEIZE, tid, NULL, options) < 0)
		return -errno;
	remote->seized = true;
	remote->stopped_at_ns = clock_ns(CLOCK_MONOTONIC);
	end_ns = remote->stopped_at_ns + STOP_MS * 1000000ull;
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0)
		return -errno;
	for (;;) {
		r = remote_wait(remote, end_ns, &status);
		if (r < 0)
			return r;
		if (remote_is_event(status))
			break;
		/* a signal was first: it has its way */
		r = remote_resume(remote, PTRACE_CONT, WSTOPSIG(status));
		if (r < 0)
			return r;
	}
	return take_stop(remote, status, remote->stopped_at_ns, maps);
}

/* Whether another thread may do where one could not be had. */
static bool is_tried_further(int r)
{
	return r == -ESRCH || r == -EPERM || r == -ETIMEDOUT || r == -ENOSPC || r == -EXFULL;
}

/*
 * Looks at a thread that did not stop in time. 0: it has now, and is the one; -ETIMEDOUT: not yet, or only for a
 * signal, which has its way; others: it is of no use, or gone.
 */
static int take_late(struct remote *remote, const struct remote_late *late, const struct maps *maps)
{
	int status, r;
	const pid_t tid = waitpid(late->tid, &status, __WALL | WNOHANG);

	if (tid == 0)
		return -ETIMEDOUT;
	remote->tid = late->tid;
	remote->lost = tid < 0 || !WIFSTOPPED(status);
	if (remote->lost)
		return -ESRCH;
	if (!remote_is_event(status)) {
		r = remote_resume(remote, PTRACE_CONT, WSTOPSIG(status));
		return r < 0 ? r : -ETIMEDOUT;
	}
	return take_stop(remote, status, late->told_ns, maps);
}

/* Where no thread stops, none may have a processor: whichever gets one first serves. */
static int stop_any_late(struct remote *remote, const struct maps *maps)
{
	const struct timespec pause = {0, STOP_LOOK_NS};
	const uint64_t end_ns = clock_ns(CLOCK_MONOTONIC) + STOP_LAST_MS * 1000000ull;
	int last = -ESRCH;

	for (;;) {
		for (unsigned i = 0; i < remote->n_late;) {
			const int r = take_late(remote, &remote->late[i], maps);

			if (r == -ETIMEDOUT) {
				i++;
				continue;
			}
			remote->late[i] = remote->late[--remote->n_late];
			if (r == 0)
				return 0;
			last = r;
			let_go(remote);
		}
		if (remote->n_late == 0)
			return last;
		if (clock_ns(CLOCK_MONOTONIC) > end_ns)
			return -ETIMEDOUT;
		(void)nanosleep(&pause, NULL);
	}
}

static int stop_one(struct remote *remote, const pid_t *tids, size_t n, const struct maps *maps)
{
	int r = -ESRCH;

	for (size_t i = 0; i < n && is_tried_further(r); i++) {
		if (remote->n_late == ARRAY_SIZE(remote->late))
			break;
		remote->lost = remote->seized = remote->stopped = remote->sent = false;
		r = stop_thread(remote, tids[i], maps);
		if (r == 0)
			return 0;
		let_go(remote);
		if (r == -ETIMEDOUT)
			remote->late[remote->n_late++] =
				(struct remote_late){tids[i], remote->stopped_at_ns};
	}
	if (!is_tried_further(r) || remote->n_late == 0)
		return r;
	remote->lost = remote->sent = false;
	return stop_any_late(remote, maps);
}

int remote_stop(struct remote *remote, const struct maps *maps, pid_t except)
{
	_cleanup_free_ pid_t *tids = calloc(CHOOSE_THREADS_MAX, sizeof(*tids));
	size_t n, kept = 0;

	if (!tids)
		return -ENOMEM;
	remote_leave_late(remote, 0);
	n = inject_choose_threads(remote->pid, maps, tids, CHOOSE_THREADS_MAX);
	for (size_t i = 0; i < n; i++)
		if (tids[i] != except)
			tids[kept++] = tids[i];
	return stop_one(remote, tids, kept, maps);
}

/* One that stops now at last is let go at once, with its signal, if it was that. */
static bool leave_late(struct remote *remote, pid_t tid, uint64_t end_ns)
{
	int status, r;

	remote->tid = tid;
	remote->lost = false;
	r = remote_wait(remote, end_ns, &status);
	if (r >= 0)
		(void)remote_resume(remote, PTRACE_DETACH,
				    remote_is_event(status) ? 0 : WSTOPSIG(status));
	return r != -ETIMEDOUT;
}

void remote_leave_late(struct remote *remote, uint64_t ms)
{
	uint64_t end_ns = clock_ns(CLOCK_MONOTONIC) + ms * 1000000;
	unsigned n = 0;

	for (unsigned i = 0; i < remote->n_late; i++)
		if (!leave_late(remote, remote->late[i].tid, end_ns))
			remote->late[n++] = remote->late[i];
	remote->n_late = n;
}

/* Where the thread is now, it is let go; the frame that it was sent with brings it back. */
static void leave_away(struct remote *remote)
{
	int status;

	if (ptrace(PTRACE_INTERRUPT, remote->tid, NULL, NULL) == 0 &&
	    remote_wait(remote, clock_ns(CLOCK_MONOTONIC) + STOP_MS * 1000000ull, &status) >= 0)
		(void)remote_resume(remote, PTRACE_DETACH, 0);
}

uint64_t remote_release(struct remote *remote)
{
	if (!remote->stopped || remote->ours)
		return 0;
	remote->stopped = false;
	if (remote->away) {
		leave_away(remote);
	} else if (!remote->lost) {
		(void)regs_restore(remote->tid, &remote->regs);
		(void)remote_resume(remote, PTRACE_DETACH, 0);
	}
	if (remote->held_signal)
		syscall(SYS_tgkill, remote->pid, remote->tid, remote->held_signal);
	return clock_ns(CLOCK_MONOTONIC) - remote->stopped_at_ns;
}
