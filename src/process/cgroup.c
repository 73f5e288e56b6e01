/* SPDX-License-Identifier: MIT */
/*
 * cgroup.c: how much memory the control groups of a process allow it.
 *
 * /proc/PID/cgroup names the group of each hierarchy by its path as seen from the reader's cgroup
 * namespace; mountinfo says where a hierarchy is mounted, and which of its groups is the root of that
 * mount. A group's own limit is not enough: every ancestor's counts too. Version 1 writes "no limit" as
 * the largest multiple of the page size, version 2 as "max".
 */
#include "process/cgroup.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/macro.h"

enum { TEXT_MAX = 4 << 20 };

/* Anything above is "no limit", whatever the page size. */
static const uint64_t no_limit = 1ull << 62;

/* Whether word is one of the words in list that commas separate. */
static bool has_word(const char *list, size_t size, const char *word)
{
	const char *end = list + size, *comma;

	for (; list < end; list = comma + 1) {
		comma = memchr(list, ',', (size_t)(end - list));
		if (!comma)
			comma = end;
		if ((size_t)(comma - list) == strlen(word) && !memcmp(list, word, strlen(word)))
			return true;
	}
	return false;
}

/* The path of the process's group in the memory hierarchy: "N:memory:/path" or "0::/path". */
static char *find_group(const char *cgroup, bool v2)
{
	const char *line, *controllers, *path;

	for (line = cgroup; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		controllers = strchr(line, ':');
		if (!controllers)
			break;
		path = strchr(++controllers, ':');
		if (!path)
			break;
		if (v2 ? path == controllers
		       : has_word(controllers, (size_t)(path - controllers), "memory"))
			return strndup(path + 1, strcspn(path + 1, "\n"));
	}
	return NULL;
}

/* Where the memory hierarchy is mounted, and which group stands there. */
static bool find_mount(const char *mountinfo, bool v2, char ret_root[512], char ret_point[512])
{
	char type[64], options[512];
	const char *line, *dash;

	for (line = mountinfo; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		/* optional fields end with a dash */
		dash = strstr(line, " - ");
		if (!dash ||
		    sscanf(line, "%*u %*u %*u:%*u %511s %511s", ret_root, ret_point) != 2 ||
		    sscanf(dash, " - %63s %*s %511s", type, options) != 2)
			continue;
		if (v2 ? !strcmp(type, "cgroup2")
		       : !strcmp(type, "cgroup") && has_word(options, strlen(options), "memory"))
			return true;
	}
	return false;
}

static uint64_t read_limit(const char *folder, const char *name)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	unsigned long long limit;
	size_t size;

	if (asprintf(&path, "%s/%s", folder, name) < 0) {
		path = NULL;
		return UINT64_MAX;
	}
	if (file_read(path, 4096, &text, &size) < 0 || text[0] < '0' || text[0] > '9')
		return UINT64_MAX;
	errno = 0;
	limit = strtoull(text, NULL, 10);
	return errno || limit > no_limit ? UINT64_MAX : limit;
}

/* From folder up to the mount point, whose path is the first keep bytes. */
static uint64_t smallest_limit(char *folder, size_t keep, bool v2)
{
	uint64_t limit = UINT64_MAX;
	char *slash;

	for (;;) {
		if (v2) {
			limit = MIN(limit, read_limit(folder, "memory.max"));
			limit = MIN(limit, read_limit(folder, "memory.high"));
		} else {
			limit = MIN(limit, read_limit(folder, "memory.limit_in_bytes"));
		}
		slash = strrchr(folder, '/');
		if (!slash || (size_t)(slash - folder) < keep)
			return limit;
		*slash = '\0';
	}
}

static uint64_t limit_of(const char *cgroup, const char *mountinfo, const char *root, bool v2)
{
	_cleanup_free_ char *group = find_group(cgroup, v2), *folder = NULL;
	char mount_root[512], mount_point[512];
	const char *below = group;
	size_t length;

	if (!group || !find_mount(mountinfo, v2, mount_root, mount_point))
		return UINT64_MAX;
	/* a mount of a part of the hierarchy: what is above it cannot be seen */
	length = strcmp(mount_root, "/") != 0 ? strlen(mount_root) : 0;
	if (length && !strncmp(group, mount_root, length))
		below += length;
	/* a group outside of the reader's namespace */
	if (strstr(below, "/.."))
		below = "";
	if (!strcmp(below, "/"))
		below = "";
	if (asprintf(&folder, "%s%s%s", root, mount_point, below) < 0) {
		folder = NULL;
		return UINT64_MAX;
	}
	return smallest_limit(folder, strlen(root) + strlen(mount_point), v2);
}

uint64_t cgroup_memory_limit_from(const char *cgroup, const char *mountinfo, const char *root)
{
	uint64_t v1 = limit_of(cgroup, mountinfo, root, false);
	uint64_t v2 = limit_of(cgroup, mountinfo, root, true);

	return MIN(v1, v2);
}

uint64_t cgroup_memory_limit(pid_t pid)
{
	_cleanup_free_ char *cgroup = NULL, *mountinfo = NULL;
	char path[64];
	size_t size;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	if (file_read(path, TEXT_MAX, &cgroup, &size) < 0 ||
	    file_read("/proc/self/mountinfo", TEXT_MAX, &mountinfo, &size) < 0)
		return UINT64_MAX;
	return cgroup_memory_limit_from(cgroup, mountinfo, "");
}
