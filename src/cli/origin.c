/* SPDX-License-Identifier: MIT */
/*
 * origin.c: see the header. The root folder is kept open (O_PATH pins it) only for a process in another
 * mount namespace or chroot, since every descriptor counts where hundreds of children are followed.
 */
#include "cli/origin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"

enum { STATUS_FILE_MAX = 64 * 1024, NAME_MAX_PROC = 64 };

static bool same_file(pid_t pid, const char *name)
{
	char theirs[NAME_MAX_PROC], ours[NAME_MAX_PROC];
	struct stat a, b;

	snprintf(theirs, sizeof(theirs), "/proc/%d/%s", (int)pid, name);
	snprintf(ours, sizeof(ours), "/proc/self/%s", name);
	if (stat(theirs, &a) < 0 || stat(ours, &b) < 0)
		return true;
	return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int open_root(pid_t pid)
{
	char path[NAME_MAX_PROC];

	if (same_file(pid, "root") && same_file(pid, "ns/mnt"))
		return -EBADF;
	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* The last number of "NSpid:\t4711\t12": the innermost namespace's. */
static pid_t read_ns_pid(pid_t pid)
{
	_cleanup_free_ char *text = NULL;
	char path[NAME_MAX_PROC];
	const char *line, *at;
	pid_t last = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (file_read(path, STATUS_FILE_MAX, &text, NULL) < 0)
		return 0;
	line = strstr(text, "\nNSpid:");
	if (!line)
		return 0;
	for (at = line + strlen("\nNSpid:"); *at == '\t' || *at == ' ';) {
		char *end;

		last = (pid_t)strtol(at, &end, 10);
		if (end == at)
			break;
		at = end;
	}
	return last;
}

/* A process that has ended meanwhile has no arguments any more; the region has them. */
static void drop_empty_cmdline(struct procinfo *info)
{
	if (info->cmdline && !info->cmdline[0]) {
		free(info->cmdline);
		info->cmdline = NULL;
	}
}

void origin_init(struct origin *origin, pid_t pid)
{
	*origin =
		(struct origin){.pid = pid, .root_fd = open_root(pid), .ns_pid = read_ns_pid(pid)};
	origin->java = java_names_new(pid);
	origin->has_info = procinfo_read_brief(pid, &origin->info) >= 0;
	if (origin->has_info)
		drop_empty_cmdline(&origin->info);
}

void origin_deinit(struct origin *origin)
{
	if (origin->has_info)
		procinfo_deinit(&origin->info);
	origin->has_info = false;
	cleanup_close(&origin->root_fd);
	origin->root_fd = -EBADF;
	origin->java = java_names_free(origin->java);
}

void origin_refresh(struct origin *origin)
{
	struct procinfo info;

	if (procinfo_read(origin->pid, &info) < 0)
		return;
	if (origin->has_info)
		procinfo_deinit(&origin->info);
	origin->info = info;
	origin->has_info = true;
}

void origin_forget_usage(struct origin *origin)
{
	struct procinfo *info = &origin->info;

	if (!origin->has_info)
		return;
	info->vsz = info->rss = info->pss = info->uss = info->swap = info->peak_rss = UINT64_MAX;
	info->n_threads = 0;
}
