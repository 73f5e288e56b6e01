/* SPDX-License-Identifier: MIT */
/*
 * inject-choose.c: a thread that sleeps in a system call stops at once, is missed least, and is on an
 * ordinary stack with room on it. Only if there is none a running one is taken.
 */
#include "process/inject-choose.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/macro.h"

enum {
	CHOOSE_ROOM = 24 << 10, /* bytes of stack that a thread shall have */
	CHOOSE_ENOUGH = 4,      /* threads that sleep */
};

static bool has_room(const struct maps *maps, uint64_t sp)
{
	const struct mapping *mapping = maps_find(maps, sp - 1);

	return mapping && mapping->write && sp - mapping->start >= CHOOSE_ROOM;
}

/* Whether the thread sleeps in a system call, with room on its stack. */
static bool is_suitable(pid_t pid, pid_t tid, const struct maps *maps)
{
	_cleanup_free_ char *text = NULL;
	uint64_t values[9];
	char path[64], *at, *end;
	size_t n = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", (int)pid, (int)tid);
	if (file_read(path, 512, &text, NULL) < 0)
		return false;
	for (at = text; n < ARRAY_SIZE(values); at = end) {
		values[n] = strtoull(at, &end, 0);
		if (end == at)
			break;
		n++;
	}
	/* number, six arguments, stack pointer, pc; a thread that runs has none of them */
	return n == ARRAY_SIZE(values) && values[0] != SYS_vfork && has_room(maps, values[7]);
}

size_t inject_list_threads(pid_t pid, pid_t *ret, size_t max)
{
	_cleanup_closedir_ DIR *directory = NULL;
	const struct dirent *entry;
	char path[64];
	size_t n = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	directory = opendir(path);
	while (directory && n < max && (entry = readdir(directory))) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (tid > 0)
			ret[n++] = tid;
	}
	return n;
}

size_t inject_choose_threads(pid_t pid, const struct maps *maps, pid_t *ret, size_t max)
{
	size_t n = inject_list_threads(pid, ret, max), n_suitable = 0;

	/* enough to choose from; asking all of hundreds takes long */
	for (size_t i = 0; i < n && n_suitable < CHOOSE_ENOUGH; i++)
		if (is_suitable(pid, ret[i], maps)) {
			pid_t tid = ret[i];

			ret[i] = ret[n_suitable];
			ret[n_suitable++] = tid;
		}
	return n;
}
