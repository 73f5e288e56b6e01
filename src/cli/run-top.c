/* SPDX-License-Identifier: MIT */
/*
 * run-top.c: see the header. All three processes are in the terminal's process group: Ctrl-C reaches the
 * program as it does without the screen (which ignores it and stays, to show the end), Ctrl-Z stops and fg
 * continues all. The program's output goes to a file, since the screen is taken; what the recording prints,
 * its report above all, waits in an unlinked file until the screen is gone.
 */
#include "cli/run-top.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "cli/screen.h"
#include "cli/top-loop.h"
#include "cli/top-watch.h"
#include "cli/verb.h"
#include "region/region.h"

enum { WAIT_MS = 5, WAITS_MAX = 400 };

struct show {
	char *output; /* the file of the program's output */
	int output_fd, report_fd, pid_fd;
	pid_t recorder, program;
};

static void show_deinit(struct show *show)
{
	free(show->output);
	cleanup_close(&show->output_fd);
	cleanup_close(&show->report_fd);
	cleanup_close(&show->pid_fd);
}

void run_top_tell(const struct run_top *top, pid_t pid)
{
	(void)!write(top->pid_fd, &pid, sizeof(pid));
}

/* "memtrace.NAME.PID.out", with our own pid: the program has none yet. */
static int open_output(const char *name, struct show *show)
{
	const char *slash = strrchr(name, '/');

	if (asprintf(&show->output, "memtrace.%s.%d.out", slash ? slash + 1 : name, (int)getpid()) <
	    0) {
		show->output = NULL;
		return -ENOMEM;
	}
	show->output_fd =
		open(show->output, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
	if (show->output_fd < 0)
		return -errno;
	show->report_fd = memfd_create("memtrace-report", MFD_CLOEXEC);
	return show->report_fd < 0 ? -errno : 0;
}

/* The recording process; what it prints goes to the report. */
static int start_recorder(struct show *show, int (*record)(void *, const struct run_top *),
			  void *context)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	fflush(NULL);
	show->recorder = fork();
	if (show->recorder == 0) {
		const struct run_top top = {show->output_fd, ends[1]};

		close(ends[0]);
		(void)dup2(show->report_fd, STDERR_FILENO);
		_exit(record(context, &top));
	}
	close(ends[1]);
	show->pid_fd = ends[0];
	return show->recorder < 0 ? -errno : 0;
}

static void print_report(const struct show *show)
{
	char bytes[4096];
	uint64_t at = 0;
	ssize_t n;

	while ((n = file_pread(show->report_fd, bytes, sizeof(bytes), at)) > 0) {
		(void)file_write_fd(STDERR_FILENO, bytes, (size_t)n);
		at += (uint64_t)n;
	}
}

/*
 * What is sent to us while we wait is meant for the program, and so is what ended the screen, but for a terminal
 * that went away, which tells everybody by itself. Signals are let in only while nothing else is done, so that
 * none comes between the look at it and the wait.
 */
static int wait_for_recorder(const struct show *show)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, show->recorder, 0);
	struct pollfd ended = {pidfd, POLLIN, 0};
	sigset_t ending, before;
	int status, number, r = 0;

	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGHUP);
	sigprocmask(SIG_BLOCK, &ending, &before);
	if (top_was_ended() == SIGHUP)
		top_forget_end();
	while (pidfd >= 0 && r <= 0) {
		number = top_was_ended();
		top_forget_end();
		if (number == SIGTERM || number == SIGHUP)
			(void)kill(show->recorder, number);
		r = ppoll(&ended, 1, NULL, &before);
		if (r < 0 && errno != EINTR)
			break;
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	while (waitpid(show->recorder, &status, 0) < 0)
		if (errno != EINTR)
			return STATUS_FAILED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_FAILED;
}

static bool has_ended(const struct show *show)
{
	siginfo_t info = {};

	return waitid(P_PID, (id_t)show->recorder, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid != 0;
}

/* The agent lays its region out while the program starts. */
static void wait_for_agent(const struct show *show)
{
	const struct timespec pause = {.tv_nsec = WAIT_MS * 1000000L};
	struct region *region = NULL;

	for (int i = 0; i < WAITS_MAX && !has_ended(show); i++) {
		if (region_open_pid(show->program, &region) >= 0)
			break;
		nanosleep(&pause, NULL);
	}
	region_free(region);
}

static int show_program(const char *name, const struct show *show)
{
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	struct top_settings settings = top_default_settings;
	char target[16], notice[256];
	int r;

	snprintf(target, sizeof(target), "%d", (int)show->program);
	snprintf(notice, sizeof(notice), "its output: %s", show->output);
	settings.notice = notice;
	settings.keeps_going = true;
	wait_for_agent(show);
	r = top_watch(&settings, 0, target, &error);
	if (r < 0)
		log_warning("run: %s; it goes on without the screen", strbuf_text(&error));
	if (!has_ended(show))
		log_notice("%s (pid %d) goes on; its output goes to %s", name, (int)show->program,
			   show->output);
	return r;
}

int run_top(const char *name, int (*record)(void *context, const struct run_top *top),
	    void *context)
{
	_cleanup_(show_deinit) struct show show = {
		.output_fd = -EBADF, .report_fd = -EBADF, .pid_fd = -EBADF};
	int r, status;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		log_error("run: this is not a terminal, which --top needs; leave it out");
		return STATUS_FAILED;
	}
	r = open_output(name, &show);
	if (r >= 0)
		r = start_recorder(&show, record, context);
	if (r < 0) {
		log_error("run: %s: cannot be written: %s; the program was not started",
			  show.output ?: "its output", strerror(-r));
		return STATUS_FAILED;
	}
	if (read(show.pid_fd, &show.program, sizeof(show.program)) ==
	    (ssize_t)sizeof(show.program)) {
		(void)show_program(name, &show);
	}
	status = wait_for_recorder(&show);
	print_report(&show);
	return status;
}
