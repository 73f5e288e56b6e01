/* SPDX-License-Identifier: MIT */
/*
 * place.c: where in another process its region is.
 *
 * It is found in /proc/PID/maps as the mapping of a memfd with a known name, from offset 0 on. The kernel
 * shows it in several lines if parts of it have other flags, so lines that follow on each other in address
 * and in offset are one.
 */
#include "region/place.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "region/abi.h"

/* How much of /proc files is read at most: a process with a million mappings has 100 MB of maps. */
static const size_t proc_max = 256 << 20;

/* One line of maps, as far as it matters here. */
struct line {
	uint64_t start, end, offset, inode;
};

/* A number that ends in that character, which is skipped. */
static bool take_number(const char **text, int base, char stop, uint64_t *ret)
{
	char *end;

	*ret = strtoull(*text, &end, base);
	if (end == *text || *end != stop)
		return false;
	*text = end + 1;
	return true;
}

/* Reads "start-end perms offset device inode path" if it is a mapping of a memfd with the name. */
static bool parse_line(const char *text, struct line *ret)
{
	static const char name[] = "/memfd:" MT_REGION_NAME;
	size_t length = sizeof(name) - 1;
	uint64_t device;

	if (!take_number(&text, 16, '-', &ret->start) || !take_number(&text, 16, ' ', &ret->end))
		return false;
	text = strchr(text, ' ');
	if (!text || !take_number(&text, 16, ' ', &ret->offset) ||
	    !take_number(&text, 16, ':', &device) || !take_number(&text, 16, ' ', &device) ||
	    !take_number(&text, 10, ' ', &ret->inode))
		return false;
	text += strspn(text, " ");
	return !strncmp(text, name, length) && (!text[length] || text[length] == ' ');
}

/* Finds the region's range in the text of maps, whose lines it cuts. */
static int find_range(char *text, struct place *ret)
{
	struct line line, first = {0};
	uint64_t end = 0;
	char *next;

	for (; text; text = next) {
		next = strchr(text, '\n');
		if (next)
			*next++ = '\0';
		if (!parse_line(text, &line) || line.end <= line.start)
			continue;
		if (!end && !line.offset) {
			first = line;
			end = line.end;
		} else if (end && line.start == end && line.inode == first.inode &&
			   line.offset == end - first.start) {
			end = line.end;
		}
	}
	if (!end)
		return -ENODATA;
	*ret = (struct place){first.start, first.end, end - first.start};
	return 0;
}

static int read_proc(pid_t pid, const char *name, char **ret)
{
	char path[64];
	size_t size;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	r = file_read(path, proc_max, ret, &size);
	return r == -ENOENT ? -ESRCH : r == -EACCES ? -EPERM : r;
}

int place_find(pid_t pid, struct place *ret)
{
	_cleanup_free_ char *text = NULL;
	int r;

	r = read_proc(pid, "maps", &text);
	return r < 0 ? r : find_range(text, ret);
}

/* It is the last number in the NSpid line. */
pid_t place_inner_pid(pid_t pid)
{
	_cleanup_free_ char *status = NULL;
	const char *line;

	if (read_proc(pid, "status", &status) < 0)
		return 0;
	line = strstr(status, "\nNSpid:");
	if (!line)
		return 0;
	line += strlen("\nNSpid:");
	line += strcspn(line, "\n");
	while (line[-1] >= '0' && line[-1] <= '9')
		line--;
	return (pid_t)strtol(line, NULL, 10);
}

int place_open(pid_t pid, const struct place *place)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)pid,
		 place->start, place->first_end);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}
