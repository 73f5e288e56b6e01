/* SPDX-License-Identifier: MIT */
/*
 * recent.c: the list grows by O_APPEND, so that two memtraces that end at once do not lose each other's
 * line. When it has grown beyond LIST_MAX bytes its newer half replaces it; a line that another process
 * appends at that very moment may be lost, which costs a convenience and nothing else.
 */
#include "cli/recent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"

enum { LIST_MAX = 64 * 1024, READ_MAX = 1024 * 1024 };

/* Makes the folders of path, mode 0700 as the XDG specification wants it. */
static int make_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int r;

		*slash = 0;
		r = mkdir(path, 0700);
		*slash = '/';
		if (r < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

static int list_path(char **ret)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	_cleanup_(strbuf_deinit) struct strbuf path = {};

	if (state && state[0] == '/')
		strbuf_adds(&path, state);
	else if (home && home[0] == '/')
		strbuf_addf(&path, "%s/.local/state", home);
	else
		return -ENOENT;
	strbuf_adds(&path, "/memtrace/sessions");
	return strbuf_steal(&path, ret);
}

static int halve(const char *path)
{
	_cleanup_free_ char *text = NULL;
	const char *keep;
	size_t size;
	int r = file_read(path, READ_MAX, &text, &size);

	if (r == -EFBIG)
		return file_write(path, "", 0);
	if (r < 0)
		return r;
	keep = strchr(text + size / 2, '\n');
	return keep ? file_write(path, keep + 1, strlen(keep + 1)) : 0;
}

int recent_add(const char *path)
{
	_cleanup_free_ char *list = NULL, *absolute = realpath(path, NULL);
	_cleanup_(strbuf_deinit) struct strbuf line = {};
	_cleanup_close_ int fd = -EBADF;
	struct stat st;
	int r;

	if (!absolute)
		return -errno;
	if (strchr(absolute, '\n'))
		return -EINVAL;
	r = list_path(&list);
	if (r < 0)
		return r;
	r = make_parents(list);
	if (r < 0)
		return r;
	fd = open(list, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = strbuf_addf(&line, "%s\n", absolute);
	if (r < 0)
		return r;
	r = file_write_fd(fd, line.text, line.length);
	if (r < 0)
		return r;
	return fstat(fd, &st) == 0 && st.st_size > LIST_MAX ? halve(list) : 0;
}

int recent_find(char **ret_path)
{
	_cleanup_free_ char *list = NULL, *text = NULL;
	size_t size;
	int r = list_path(&list);

	if (r < 0)
		return r;
	r = file_read(list, READ_MAX, &text, &size);
	if (r < 0)
		return r;
	while (size > 0) {
		char *line;
		struct stat st;

		if (text[size - 1] == '\n')
			text[--size] = 0;
		line = memrchr(text, '\n', size);
		line = line ? line + 1 : text;
		if (line[0] == '/' && stat(line, &st) == 0 && S_ISREG(st.st_mode)) {
			*ret_path = strdup(line);
			return *ret_path ? 0 : -ENOMEM;
		}
		size = (size_t)(line - text);
	}
	return -ENOENT;
}
