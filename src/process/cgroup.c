/* SPDX-License-Identifier: MIT */
/*
 * cgroup.c: how much memory and how much CPU time the control groups of a process allow it.
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

/* What is limited: the hierarchy's name in version 1, and the limit that a group sets itself. */
struct controller {
	const char *name;
	uint64_t (*read)(const char *folder, bool v2);
};

/* The path of the process's group in the hierarchy: "N:memory:/path" or "0::/path". */
static char *find_group(const char *cgroup, const char *controller, bool v2)
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
		       : has_word(controllers, (size_t)(path - controllers), controller))
			return strndup(path + 1, strcspn(path + 1, "\n"));
	}
	return NULL;
}

/* Where the hierarchy is mounted, and which group stands there. */
static bool find_mount(const char *mountinfo, const char *controller, bool v2, char ret_root[512],
		       char ret_point[512])
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
		       : !strcmp(type, "cgroup") && has_word(options, strlen(options), controller))
			return true;
	}
	return false;
}

/* NULL if there is no such file. The caller frees. */
static char *read_file(const char *folder, const char *name)
{
	_cleanup_free_ char *path = NULL;
	char *text = NULL;
	size_t size;

	if (asprintf(&path, "%s/%s", folder, name) < 0) {
		path = NULL;
		return NULL;
	}
	return file_read(path, 4096, &text, &size) < 0 ? NULL : text;
}

static uint64_t read_limit(const char *folder, const char *name)
{
	_cleanup_free_ char *text = read_file(folder, name);
	unsigned long long limit;

	if (!text || text[0] < '0' || text[0] > '9')
		return UINT64_MAX;
	errno = 0;
	limit = strtoull(text, NULL, 10);
	return errno || limit > no_limit ? UINT64_MAX : limit;
}

static uint64_t read_memory(const char *folder, bool v2)
{
	if (!v2)
		return read_limit(folder, "memory.limit_in_bytes");
	return MIN(read_limit(folder, "memory.max"), read_limit(folder, "memory.high"));
}

/* "150000 100000", or "max 100000". */
static void parse_cpu_max(const char *text, uint64_t *ret_quota, uint64_t *ret_period)
{
	char *end;

	*ret_quota = *ret_period = UINT64_MAX;
	if (!text || text[0] < '0' || text[0] > '9')
		return;
	*ret_quota = strtoull(text, &end, 10);
	if (*end == ' ')
		*ret_period = strtoull(end + 1, NULL, 10);
}

static uint64_t read_cpu(const char *folder, bool v2)
{
	uint64_t quota, period;

	if (v2) {
		_cleanup_free_ char *text = read_file(folder, "cpu.max");

		parse_cpu_max(text, &quota, &period);
	} else {
		quota = read_limit(folder, "cpu.cfs_quota_us");
		period = read_limit(folder, "cpu.cfs_period_us");
	}
	if (quota > no_limit || period == 0 || period > no_limit)
		return UINT64_MAX;
	return (uint64_t)((double)quota * 1000 / (double)period);
}

static const struct controller memory_controller = {"memory", read_memory},
			       cpu_controller = {"cpu", read_cpu};

/* From folder up to the mount point, whose path is the first keep bytes. */
static uint64_t smallest_limit(const struct controller *controller, char *folder, size_t keep,
			       bool v2)
{
	uint64_t limit = UINT64_MAX;
	char *slash;

	for (;;) {
		limit = MIN(limit, controller->read(folder, v2));
		slash = strrchr(folder, '/');
		if (!slash || (size_t)(slash - folder) < keep)
			return limit;
		*slash = '\0';
	}
}

static uint64_t limit_of(const struct controller *controller, const char *cgroup,
			 const char *mountinfo, const char *root, bool v2)
{
	_cleanup_free_ char *group = find_group(cgroup, controller->name, v2), *folder = NULL;
	char mount_root[512], mount_point[512];
	const char *below = group;
	size_t length;

	if (!group || !find_mount(mountinfo, controller->name, v2, mount_root, mount_point))
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
	return smallest_limit(controller, folder, strlen(root) + strlen(mount_point), v2);
}

uint64_t cgroup_memory_limit_from(const char *cgroup, const char *mountinfo, const char *root)
{
	uint64_t v1 = limit_of(&memory_controller, cgroup, mountinfo, root, false);
	uint64_t v2 = limit_of(&memory_controller, cgroup, mountinfo, root, true);

	return MIN(v1, v2);
}

uint64_t cgroup_cpu_limit_from(const char *cgroup, const char *mountinfo, const char *root)
{
	uint64_t v1 = limit_of(&cpu_controller, cgroup, mountinfo, root, false);
	uint64_t v2 = limit_of(&cpu_controller, cgroup, mountinfo, root, true);

	return MIN(v1, v2);
}

static uint64_t limit_of_pid(pid_t pid, uint64_t (*from)(const char *cgroup, const char *mountinfo,
							 const char *root))
{
	_cleanup_free_ char *cgroup = NULL, *mountinfo = NULL;
	char path[64];
	size_t size;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	if (file_read(path, TEXT_MAX, &cgroup, &size) < 0 ||
	    file_read("/proc/self/mountinfo", TEXT_MAX, &mountinfo, &size) < 0)
		return UINT64_MAX;
	return from(cgroup, mountinfo, "");
}

uint64_t cgroup_memory_limit(pid_t pid)
{
	return limit_of_pid(pid, cgroup_memory_limit_from);
}

uint64_t cgroup_cpu_limit(pid_t pid)
{
	return limit_of_pid(pid, cgroup_cpu_limit_from);
}
