/* SPDX-License-Identifier: MIT */
/*
 * inject-errand.c: a thread of our own in the process, for everything that takes long.
 *
 * The stopped thread makes one system call, clone, and goes on. The new thread is traced from its first
 * instruction, has all signals blocked, a thread pointer of its own, and nothing that libc knows of. It
 * ends by itself whatever becomes of the tool: until it is sent somewhere its stack pointer points at a
 * return address that leads to the system call exit, and so do the functions that it is sent to.
 *
 * While it works, all threads of the program run, so it may wait for them, which the stopped one never
 * may: it could be the one that is waited for.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/macro.h"
#include "process/inject-choose.h"
#include "process/inject-remote.h"

enum {
	ERRAND_FLAGS = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
		       CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PTRACE,
	ERRAND_STOP_MS = 2000,
	ERRAND_END_MS = 2000,
	ERRAND_STATUS_MAX = 8192,
};

int remote_spawn(struct remote *remote, uint64_t park, uint64_t tls, pid_t *ret)
{
	uint64_t arguments[6];
	int64_t id;
	int r;

	regs_clone_arguments(ERRAND_FLAGS, park, tls, arguments);
	r = remote_syscall(remote, SYS_clone, arguments, &id);
	if (r < 0)
		return r;
	if (id <= 0)
		return id < 0 ? (int)id : -EAGAIN;
	*ret = (pid_t)id;
	return 0;
}

static bool shares_namespace(pid_t pid)
{
	struct stat own, other;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
	return stat("/proc/self/ns/pid", &own) == 0 && stat(path, &other) == 0 &&
	       own.st_ino == other.st_ino && own.st_dev == other.st_dev;
}

/* The id that a thread has in its own namespace; 0 if it is not there. */
static pid_t innermost_id(pid_t pid, pid_t tid)
{
	_cleanup_free_ char *text = NULL;
	const char *line, *last;
	char path[64];
	size_t length;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", (int)pid, (int)tid);
	if (file_read(path, ERRAND_STATUS_MAX, &text, NULL) < 0 ||
	    !(line = strstr(text, "\nNSpid:")))
		return 0;
	length = strcspn(line + 1, "\n");
	for (last = line + length; last > line && *last != '\t'; last--)
		;
	return (pid_t)strtol(last + 1, NULL, 10);
}

/* The thread's id as the tool has it. */
static int find_id(pid_t pid, pid_t id, pid_t *ret)
{
	_cleanup_free_ pid_t *tids = NULL;
	size_t n;

	*ret = id;
	if (shares_namespace(pid))
		return 0;
	tids = calloc(CHOOSE_THREADS_MAX, sizeof(*tids));
	if (!tids)
		return -ENOMEM;
	n = inject_list_threads(pid, tids, CHOOSE_THREADS_MAX);
	/* the newest are at the end */
	while (n-- > 0)
		if (innermost_id(pid, tids[n]) == id) {
			*ret = tids[n];
			return 0;
		}
	return -ESRCH;
}

int remote_adopt(const struct remote *remote, pid_t id, uint64_t park, struct remote *ret)
{
	uint64_t end_ns = clock_ns(CLOCK_MONOTONIC) + ERRAND_STOP_MS * 1000000ull;
	int status, r;

	*ret = *remote;
	ret->ours = true;
	ret->lost = ret->stopped = ret->sent = ret->away = false;
	ret->held_signal = 0;
	ret->frame = park;
	ret->leave = park + REGS_PARK_CODE;
	r = find_id(remote->pid, id, &ret->tid);
	if (r >= 0)
		r = remote_wait(ret, end_ns, &status);
	if (r < 0)
		return r;
	ret->stopped = true;
	return regs_save(ret->tid, &ret->regs);
}

void remote_dismiss(struct remote *remote)
{
	uint64_t end_ns = clock_ns(CLOCK_MONOTONIC) + ERRAND_END_MS * 1000000ull;
	int status;

	if (!remote->stopped || !remote->ours)
		return;
	remote->stopped = false;
	if (remote->lost)
		return;
	if (regs_send_to_function(remote->tid, &remote->regs, remote->leave, remote->frame) < 0)
		return;
	while (remote_resume(remote, PTRACE_CONT, 0) >= 0 &&
	       remote_wait(remote, end_ns, &status) >= 0)
		if (!remote_is_event(status) && WSTOPSIG(status) == SIGSTOP)
			remote->held_signal = SIGSTOP;
	/* it was for the process */
	if (remote->held_signal)
		kill(remote->pid, remote->held_signal);
}
