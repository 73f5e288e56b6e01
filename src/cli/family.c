/* SPDX-License-Identifier: MIT */
/*
 * family.c: /proc/PID/environ is the environment as it was at exec, and a forked child has a copy of it,
 * so that it tells more than any list of ours: parents die, sessions and process groups change.
 */
#include "cli/family.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "process/procinfo.h"

enum { ENVIRON_MAX = 4 * 1024 * 1024 };

static bool carries(pid_t pid, const char *entry)
{
	_cleanup_free_ char *text = NULL;
	char path[64];
	size_t size;

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	if (file_read(path, ENVIRON_MAX, &text, &size) < 0)
		return false;
	for (const char *at = text; at < text + size; at += strlen(at) + 1)
		if (strcmp(at, entry) == 0)
			return true;
	return false;
}

unsigned family_find(const char *socket_name, pid_t *ret, unsigned max)
{
	_cleanup_(strbuf_deinit) struct strbuf entry = {};
	_cleanup_free_ pid_t *pids = NULL;
	unsigned found = 0;
	size_t n;

	if (strbuf_addf(&entry, "MEMTRACE_SOCKET=%s", socket_name) < 0 ||
	    procinfo_list(&pids, &n) < 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (!carries(pids[i], entry.text))
			continue;
		if (found < max)
			ret[found] = pids[i];
		found++;
	}
	return found;
}
