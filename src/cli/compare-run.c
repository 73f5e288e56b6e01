/* SPDX-License-Identifier: MIT */
/*
 * compare-run.c: time, and memory at the last moment.
 *
 * A process that has ended has no RSS any more, and the peak that wait4 reports counts what was resident in
 * us when the program was started. So the program is traced, for one thing only: the kernel stops it when
 * it exits (PTRACE_EVENT_EXIT), its memory still there, and its status in /proc says both. Signals are passed
 * on as they come. Where tracing is refused the program runs all the same, and both figures are unknown.
 */
#include "cli/compare-run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"

static void connect_to(const char *path, int flags, int to)
{
	int fd = open(path, flags);

	if (fd < 0)
		_exit(126);
	dup2(fd, to);
	close(fd);
}

/* In the child. Waits until it is traced, tells through failed what exec said. */
static void become(const struct run_order *order, int go, int failed)
{
	char byte;
	int error;

	while (read(go, &byte, 1) < 0 && errno == EINTR)
		;
	connect_to(order->input ?: "/dev/null", O_RDONLY, STDIN_FILENO);
	if (!order->show) {
		connect_to("/dev/null", O_WRONLY, STDOUT_FILENO);
		connect_to("/dev/null", O_WRONLY, STDERR_FILENO);
	}
	execve(order->path, order->argv, order->environment);
	error = errno;
	(void)!write(failed, &error, sizeof(error));
	_exit(127);
}

/* A line of /proc/PID/status, in bytes. */
static uint64_t status_bytes(const char *text, const char *name)
{
	const char *line = strstr(text, name);

	return line ? strtoull(line + strlen(name), NULL, 10) * 1024 : UINT64_MAX;
}

static void look(pid_t pid, struct run_result *result)
{
	_cleanup_free_ char *text = NULL;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (file_read(path, 1 << 16, &text, NULL) < 0)
		return;
	result->peak_rss = status_bytes(text, "\nVmHWM:");
	result->end_rss = status_bytes(text, "\nVmRSS:");
}

/* The traced child stopped: lets it go on as if nobody had been there. */
static void resume(pid_t pid, int status, struct run_result *result)
{
	int event = status >> 16, signal = WSTOPSIG(status);

	if (event == PTRACE_EVENT_EXIT) {
		look(pid, result);
		ptrace(PTRACE_CONT, pid, NULL, NULL);
	} else if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) {
		ptrace(PTRACE_LISTEN, pid, NULL, NULL);
	} else {
		ptrace(PTRACE_CONT, pid, NULL, event ? 0 : signal);
	}
}

static int watch(pid_t pid, struct run_result *result)
{
	struct rusage usage;
	int status;

	for (;;) {
		pid_t got = wait4(pid, &status, __WALL, &usage);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!WIFSTOPPED(status))
			break;
		resume(pid, status, result);
	}
	result->status = status;
	result->cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
			(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	return 0;
}

int run_measure(const struct run_order *order, struct run_result *ret)
{
	struct run_result result = {.peak_rss = UINT64_MAX, .end_rss = UINT64_MAX};
	int go[2], failed[2], error = 0, r;
	double began;
	pid_t pid;

	if (pipe2(go, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(failed, O_CLOEXEC) < 0) {
		r = -errno;
		close(go[0]);
		close(go[1]);
		return r;
	}
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		become(order, go[0], failed[1]);
	}
	r = pid < 0 ? -errno : 0;
	close(go[0]);
	close(failed[1]);
	if (r == 0)
		(void)ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACEEXIT);
	began = clock_s(CLOCK_MONOTONIC);
	close(go[1]);
	if (r == 0)
		r = watch(pid, &result);
	result.wall_s = clock_s(CLOCK_MONOTONIC) - began;
	if (r == 0 && read(failed[0], &error, sizeof(error)) == sizeof(error))
		r = -error;
	close(failed[0]);
	if (r < 0)
		return r;
	*ret = result;
	return 0;
}
