/* SPDX-License-Identifier: MIT */
/*
 * inject-check.c: reads /proc/PID/status and the beginning of the program's file, and says in one line
 * what cannot be, why, and what to do instead.
 *
 * Permission itself is asked of the kernel by opening /proc/PID/mem for writing, which needs what ptrace
 * needs; which rule has said no is then found out for the message.
 */
#include "process/inject-check.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

enum { STATUS_MAX = 65536, SECCOMP_STRICT = 1 };

/* What follows "name:" in the text of status, NULL if there is no such line. */
static const char *status_value(const char *text, const char *name)
{
	size_t length = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, length) == 0 && line[length] == ':')
			return line + length + 1 + strspn(line + length + 1, " \t");
	}
	return NULL;
}

static uint64_t status_number(const char *text, const char *name, int base)
{
	const char *value = status_value(text, name);

	return value ? strtoull(value, NULL, base) : 0;
}

static void comm_of(pid_t pid, char ret[32])
{
	_cleanup_free_ char *text = NULL;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	if (file_read(path, 64, &text, NULL) < 0)
		snprintf(ret, 32, "?");
	else
		snprintf(ret, 32, "%.*s", (int)strcspn(text, "\n"), text);
}

static int read_text(const char *format, pid_t pid, char **ret)
{
	char path[64];
	int r;

	/* NOLINTNEXTLINE(clang-diagnostic-format-nonliteral): from this file */
	snprintf(path, sizeof(path), format, (int)pid);
	r = file_read(path, STATUS_MAX, ret, NULL);
	return r == -ENOENT ? -ESRCH : r;
}

int inject_check_status(pid_t pid, const char *status, struct strbuf *error)
{
	const char *state = status_value(status, "State");
	pid_t tracer = (pid_t)status_number(status, "TracerPid", 10);

	if (tracer > 0) {
		char comm[32];

		comm_of(tracer, comm);
		strbuf_addf(
			error,
			"%d is already traced, by %d (%s), and a process has one tracer only; end "
			"that one, or use --no-inject",
			(int)pid, (int)tracer, comm);
		return -EBUSY;
	}
	if (state && (*state == 'Z' || *state == 'X')) {
		strbuf_addf(error,
			    "%d has ended and waits for its parent: there is no memory left to "
			    "look at",
			    (int)pid);
		return -ESRCH;
	}
	if (state && (*state == 'T' || *state == 't')) {
		strbuf_addf(error, "%d is stopped; let it go on (kill -CONT %d) and try again",
			    (int)pid, (int)pid);
		return -EBUSY;
	}
	if (!status_value(status, "VmSize")) {
		strbuf_addf(error, "%d is a thread of the kernel, which has no malloc", (int)pid);
		return -EINVAL;
	}
	if (status_number(status, "Seccomp", 10) == SECCOMP_STRICT) {
		strbuf_addf(
			error,
			"%d is in strict seccomp mode and would be killed by any system call of "
			"ours; use --no-inject",
			(int)pid);
		return -EPERM;
	}
	if (status_value(status, "x86_Thread_features") &&
	    strstr(status_value(status, "x86_Thread_features"), "shstk")) {
		strbuf_addf(
			error,
			"%d runs with a CET shadow stack, with which injection is not tested; start "
			"it with `memtrace run`, or use --no-inject",
			(int)pid);
		return -ENOTSUP;
	}
	return 0;
}

int inject_check_class(pid_t pid, unsigned char class, struct strbuf *error)
{
	if (class == ELFCLASS64)
		return 0;
	strbuf_addf(error,
		    "%d is a 32-bit program, and memtrace works in 64-bit ones; use --no-inject",
		    (int)pid);
	return -ENOTSUP;
}

static int check_program(pid_t pid, struct strbuf *error)
{
	_cleanup_close_ int fd = -EBADF;
	unsigned char ident[EI_NIDENT];
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	/* a file that cannot be read is looked at in memory later */
	if (fd < 0 || file_pread(fd, ident, sizeof(ident), 0) != sizeof(ident))
		return 0;
	return inject_check_class(pid, ident[EI_CLASS], error);
}

static bool yama_forbids(void)
{
	_cleanup_free_ char *text = NULL;

	return file_read("/proc/sys/kernel/yama/ptrace_scope", 16, &text, NULL) >= 0 &&
	       strtol(text, NULL, 10) > 0;
}

void inject_explain_denial(pid_t pid, const struct inject_denial *denial, struct strbuf *error)
{
	if (denial->is_other)
		strbuf_addf(
			error,
			"%d belongs to another user (uid %u); run memtrace as that user, or as root",
			(int)pid, (unsigned)denial->uid);
	else if (denial->is_undumpable)
		strbuf_addf(
			error,
			"%d has made itself undumpable (prctl, or a changed user id), which keeps "
			"tracers out; run memtrace as root",
			(int)pid);
	else if (denial->is_yama)
		strbuf_addf(
			error,
			"%d may not be traced: kernel.yama.ptrace_scope allows that for children "
			"only; run memtrace as root, or `sysctl kernel.yama.ptrace_scope=0`",
			(int)pid);
	else
		strbuf_addf(
			error,
			"%d may not be traced: the kernel's rules (capabilities, a security module, "
			"a container) forbid it; run memtrace as root outside the container",
			(int)pid);
}

static int check_permission(pid_t pid, const char *status, struct strbuf *error)
{
	_cleanup_close_ int fd = -EBADF;
	struct inject_denial denial = {.uid = (uid_t)status_number(status, "Uid", 10)};
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		return 0;
	if (errno == ENOENT)
		return -ESRCH;
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	denial.is_other = geteuid() != 0 && denial.uid != geteuid();
	denial.is_undumpable = stat(path, &st) == 0 && st.st_uid != denial.uid;
	denial.is_yama = yama_forbids();
	inject_explain_denial(pid, &denial, error);
	return -EPERM;
}

int inject_check(pid_t pid, struct inject_facts *ret, struct strbuf *error)
{
	_cleanup_free_ char *status = NULL;
	int r = read_text("/proc/%d/status", pid, &status);

	if (r >= 0)
		r = inject_check_status(pid, status, error);
	if (r >= 0)
		r = check_program(pid, error);
	if (r >= 0)
		r = check_permission(pid, status, error);
	if (r < 0) {
		if (!*strbuf_text(error))
			inject_explain(pid, r, error);
		return r;
	}
	*ret = (struct inject_facts){
		.filtered = status_number(status, "Seccomp", 10) != 0,
		.caught = status_number(status, "SigCgt", 16),
		.ignored = status_number(status, "SigIgn", 16),
		.pending = status_number(status, "ShdPnd", 16),
		.n_threads = (uint32_t)status_number(status, "Threads", 10),
	};
	return 0;
}

void inject_explain(pid_t pid, int error_number, struct strbuf *error)
{
	static const struct {
		int error_number;
		const char *text;
	} texts[] = {
		{-ESRCH,
		 "is not there: no such process, or it has just ended; `memtrace ps` lists what there is"},
		{-EPERM, "may not be traced; run memtrace as root"},
		{-ENOEXEC, "is a static program: its calls of malloc cannot be led elsewhere; use "
			   "--no-inject"},
		{-ENOENT, "has no module that defines malloc; use --no-inject"},
		{-EAGAIN, "is loading libraries all the time, or has just been started; try again"},
		{-EBUSY,
		 "is inside of dlopen or dlclose and does not come out of it; try again when it "
		 "has loaded what it loads"},
		{-EALREADY, "is being attached to by another memtrace; wait for that one"},
		{-EACCES,
		 "may not get memory with code in it (SELinux execmem, or the like); start it "
		 "with `memtrace run`, or use --no-inject"},
		{-ENOMEM, "has no memory for the recording (its limits: ulimit -v, cgroup); give a "
			  "smaller --max-memory"},
		{-ETIMEDOUT, "has no thread that stopped in time: they are in calls that cannot be "
			     "interrupted, or wait for a processor; try again, or use --no-inject"},
		{-ENOSYS, "cannot be injected into by this build of memtrace, which has no image"},
		{-ENOTSUP, "runs code that memtrace cannot stop safely; use --no-inject"},
		{-ENODATA, "has no recording that was begun with `memtrace attach`"},
		{-ENOSPC,
		 "has no room on any stack for the registers of the thread to be stopped; try "
		 "again, or use --no-inject"},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].error_number == error_number) {
			strbuf_addf(error, "%d %s", (int)pid, texts[i].text);
			return;
		}
	strbuf_addf(error, "%d: injection failed: %s; try again, or use --no-inject", (int)pid,
		    strerror(-error_number));
}
