/* SPDX-License-Identifier: MIT */
/*
 * procinfo.c: what /proc says of a process as a whole and of its threads (proc(5)).
 *
 * A process may end between two of the files. What stands in stat and status is there or the process is
 * not; the rest needs more permission than they do, or is not there for kernel threads and zombies, and
 * is then unknown, not an error.
 */
#include "process/procinfo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/grow.h"
#include "base/macro.h"
#include "process/cgroup.h"

enum { TEXT_MAX = 8 << 20 };

static int read_text(pid_t pid, const char *name, char **ret, size_t *ret_size)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return file_read(path, TEXT_MAX, ret, ret_size);
}

/* Why there is nothing below /proc for pid. */
static int why_absent(pid_t pid)
{
	if (access("/proc/self", F_OK) < 0)
		return -ENOSYS;
	/* mounted with hidepid, /proc does not show what is somebody else's */
	if (pid > 0 && kill(pid, 0) < 0 && errno == EPERM)
		return -EPERM;
	return -ESRCH;
}

/* Where the fields behind the name are in stat, counted from the state. */
enum stat_field {
	STAT_PPID = 1,
	STAT_FAULTS = 7,
	STAT_THREADS = 17,
	STAT_START = 19,
	STAT_VSIZE = 20
};

/* The number in that field of text, whose first field is 0. */
static int stat_number(const char *text, enum stat_field field, uint64_t *ret)
{
	char *end;
	int i;

	for (i = 0; i < (int)field && text; i++) {
		text = strchr(text, ' ');
		text = text ? text + 1 : NULL;
	}
	if (!text)
		return -EBADMSG;
	*ret = strtoull(text, &end, 10);
	return end == text ? -EBADMSG : 0;
}

/* A name between parentheses, which may hold any characters, these too, then numbers. */
static int parse_stat(const char *text, struct procinfo *info)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	uint64_t ppid, n_threads;

	if (!open || !close || close < open || close[1] != ' ' || !close[2])
		return -EBADMSG;
	snprintf(info->comm, sizeof(info->comm), "%.*s", (int)MIN(close - open - 1, 15), open + 1);
	text = close + 2;
	info->state = *text;
	if (stat_number(text, STAT_PPID, &ppid) < 0 ||
	    stat_number(text, STAT_THREADS, &n_threads) < 0 ||
	    stat_number(text, STAT_FAULTS, &info->minor_faults) < 0 ||
	    stat_number(text, STAT_START, &info->start_ticks) < 0 ||
	    stat_number(text, STAT_VSIZE, &info->vsz) < 0)
		return -EBADMSG;
	info->ppid = (pid_t)ppid;
	info->n_threads = (uint32_t)n_threads;
	return 0;
}

/* What follows the colon of the line "Name:"; NULL if it is not there. */
static const char *find_line(const char *text, const char *name)
{
	const size_t length = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, length) == 0 && line[length] == ':')
			return line + length + 1;
	}
	return NULL;
}

/* The value of a line "Name:  value" in bytes if it is followed by kB; UINT64_MAX if it is not there. */
static uint64_t find_value(const char *text, const char *name)
{
	const char *at = find_line(text, name);
	uint64_t value;
	char *end;

	value = at ? strtoull(at, &end, 10) : 0;
	if (!at || end == at)
		return UINT64_MAX;
	if (strncmp(end, " kB", 3) != 0)
		return value;
	return value > UINT64_MAX / 1024 ? UINT64_MAX : value * 1024;
}

/* A set of signals in a line "Name:  hexadecimal"; empty if it is not there. */
static uint64_t find_signals(const char *text, const char *name)
{
	const char *at = find_line(text, name);

	return at ? strtoull(at, NULL, 16) : 0;
}

bool procinfo_is_ending(pid_t pid)
{
	/* a signal that ends a process is turned into this one, for every thread, when it is sent */
	const uint64_t kill = 1ull << (SIGKILL - 1);
	_cleanup_free_ char *status = NULL;
	size_t size;

	if (read_text(pid, "status", &status, &size) < 0 || strstr(status, "\nState:\tZ"))
		return false;
	return !find_line(status, "VmSize") || (find_signals(status, "SigPnd") & kill) ||
	       (find_signals(status, "ShdPnd") & kill);
}

static int read_status(pid_t pid, struct procinfo *info)
{
	_cleanup_free_ char *status = NULL;
	size_t size;
	int r;

	r = read_text(pid, "status", &status, &size);
	if (r < 0)
		return r;
	/* /proc shows threads under their own ids, too */
	if (find_value(status, "Tgid") != (uint64_t)pid)
		return -ESRCH;
	info->uid = (uid_t)find_value(status, "Uid");
	info->rss = find_value(status, "VmRSS");
	info->peak_rss = find_value(status, "VmHWM");
	info->swap = find_value(status, "VmSwap");
	return 0;
}

/* The kernel keeps VmRSS as a sum of counters that lag behind; these are counted at the moment. */
static void read_rollup(pid_t pid, struct procinfo *info)
{
	_cleanup_free_ char *rollup = NULL;
	uint64_t clean, dirty, rss;
	size_t size;

	if (read_text(pid, "smaps_rollup", &rollup, &size) < 0)
		return;
	rss = find_value(rollup, "Rss");
	clean = find_value(rollup, "Private_Clean");
	dirty = find_value(rollup, "Private_Dirty");
	info->pss = find_value(rollup, "Pss");
	if (clean != UINT64_MAX && dirty != UINT64_MAX)
		info->uss = clean + dirty;
	if (rss != UINT64_MAX) {
		info->rss = rss;
		if (info->peak_rss != UINT64_MAX)
			info->peak_rss = MAX(info->peak_rss, rss);
	}
}

static char *read_exe(pid_t pid)
{
	static const char deleted[] = " (deleted)";
	size_t suffix = sizeof(deleted) - 1;
	char path[64], target[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	n = readlink(path, target, sizeof(target));
	if (n < 0 || (size_t)n == sizeof(target))
		return NULL;
	if ((size_t)n > suffix && !memcmp(target + n - suffix, deleted, suffix))
		n -= (ssize_t)suffix;
	return strndup(target, (size_t)n);
}

/* One block: the pointers, then the text that they point to. */
static char **read_cmdline(pid_t pid)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0, n = 0, i;
	char **cmdline, *copy;

	if (read_text(pid, "cmdline", &text, &size) < 0)
		return NULL;
	for (i = 0; i < size; i++)
		n += !text[i];
	/* a process that wrote over its arguments may have no zero at the end */
	n += size && text[size - 1];
	cmdline = malloc((n + 1) * sizeof(*cmdline) + size + 1);
	if (!cmdline)
		return NULL;
	copy = (char *)(cmdline + n + 1);
	memcpy(copy, text, size + 1);
	for (i = 0; i < n; i++) {
		cmdline[i] = copy;
		copy += strlen(copy) + 1;
	}
	cmdline[n] = NULL;
	return cmdline;
}

static void read_cpus(pid_t pid, struct procinfo *info)
{
	const uint64_t limit = cgroup_cpu_limit(pid);
	cpu_set_t cpus;

	if (limit < UINT32_MAX)
		info->cpu_limit = (uint32_t)limit;
	if (sched_getaffinity(pid, sizeof(cpus), &cpus) == 0)
		info->n_cpus = (uint32_t)CPU_COUNT(&cpus);
}

static int read_info(pid_t pid, bool usage, struct procinfo *ret)
{
	struct procinfo info = {.pid = pid};
	_cleanup_free_ char *stat = NULL;
	size_t size;
	int r;

	r = pid > 0 ? read_text(pid, "stat", &stat, &size) : -ENOENT;
	if (r == -ENOENT)
		return why_absent(pid);
	if (r < 0)
		return r;
	r = parse_stat(stat, &info);
	if (r < 0)
		return r;
	r = read_status(pid, &info);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	info.pss = info.uss = UINT64_MAX;
	if (usage)
		read_rollup(pid, &info);
	info.started_at = clock_s(CLOCK_REALTIME) - clock_s(CLOCK_BOOTTIME) +
			  (double)info.start_ticks / (double)sysconf(_SC_CLK_TCK);
	info.cgroup_limit = cgroup_memory_limit(pid);
	read_cpus(pid, &info);
	info.exe = read_exe(pid);
	info.cmdline = read_cmdline(pid);
	*ret = info;
	return 0;
}

int procinfo_read(pid_t pid, struct procinfo *ret)
{
	return read_info(pid, true, ret);
}

int procinfo_read_brief(pid_t pid, struct procinfo *ret)
{
	return read_info(pid, false, ret);
}

void procinfo_deinit(struct procinfo *info)
{
	free(info->exe);
	free(info->cmdline);
	*info = (struct procinfo){0};
}

/* The number that a folder is named by; 0 if it is another name. */
static pid_t entry_number(const struct dirent *entry)
{
	char *end;
	long number;

	if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
		return 0;
	number = strtol(entry->d_name, &end, 10);
	return *end || number > INT_MAX ? 0 : (pid_t)number;
}

/* All entries of a folder that are numbers. */
static int read_numbers(const char *path, pid_t **ret, size_t *ret_n)
{
	_cleanup_closedir_ DIR *dir = opendir(path);
	_cleanup_free_ pid_t *numbers = NULL;
	size_t n = 0;
	struct dirent *entry;
	pid_t number;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		number = entry_number(entry);
		if (!number)
			continue;
		if (GROW(numbers, n) < 0)
			return -ENOMEM;
		numbers[n++] = number;
	}
	*ret = TAKE_PTR(numbers);
	*ret_n = n;
	return 0;
}

int procinfo_read_threads(pid_t pid, struct procinfo_thread **ret, size_t *ret_n)
{
	_cleanup_free_ struct procinfo_thread *threads = NULL;
	_cleanup_free_ pid_t *tids = NULL;
	char path[64];
	size_t n_tids = 0, n = 0, i;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	r = read_numbers(path, &tids, &n_tids);
	if (r < 0)
		return r == -ENOENT ? why_absent(pid) : r;
	threads = calloc(n_tids ? n_tids : 1, sizeof(*threads));
	if (!threads)
		return -ENOMEM;
	for (i = 0; i < n_tids; i++) {
		_cleanup_free_ char *name = NULL;
		size_t size = 0;

		/* it may have ended meanwhile */
		snprintf(path, sizeof(path), "task/%d/comm", (int)tids[i]);
		if (read_text(pid, path, &name, &size) < 0)
			continue;
		threads[n].tid = tids[i];
		snprintf(threads[n].name, sizeof(threads[n].name), "%.*s",
			 (int)MIN(strcspn(name, "\n"), 15u), name);
		n++;
	}
	*ret = TAKE_PTR(threads);
	*ret_n = n;
	return 0;
}

int procinfo_list(pid_t **ret, size_t *ret_n)
{
	int r;

	if (access("/proc/self", F_OK) < 0)
		return -ENOSYS;
	r = read_numbers("/proc", ret, ret_n);
	return r == -ENOENT ? -ENOSYS : r;
}
