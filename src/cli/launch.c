/* SPDX-License-Identifier: MIT */
/*
 * launch.c: fork and exec. Whether exec succeeded is told by a pipe that exec closes: the child writes
 * its errno into it only if exec failed, so that the parent's read ends either way.
 */
#include "cli/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "base/strbuf.h"

/* What is taken out of the environment, because it is set anew or must not be inherited. */
static const char *const ours[] = {
	"LD_PRELOAD=",         "MEMTRACE_SOCKET=",     "MEMTRACE_SAMPLE=",
	"MEMTRACE_ALLOCATOR=", "MEMTRACE_MAX_MEMORY=", "MEMTRACE_FOLLOW=",
};

static bool is_ours(const char *entry)
{
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		if (strncmp(entry, ours[i], strlen(ours[i])) == 0)
			return true;
	return false;
}

void launch_free_environment(char **environment)
{
	for (char **entry = environment; entry && *entry; entry++)
		free(*entry);
	free(environment);
}

static void cleanup_environment(char ***environment)
{
	launch_free_environment(*environment);
}

static const char *find_preload(char *const *environment)
{
	static const char name[] = "LD_PRELOAD=";

	for (; *environment; environment++)
		if (strncmp(*environment, name, strlen(name)) == 0)
			return *environment + strlen(name);
	return "";
}

/* Adds a formatted entry at *next and moves on. */
_printf_(2, 3) static int add_entry(char ***next, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = vasprintf(*next, format, args);
	va_end(args);
	if (r < 0) {
		**next = NULL;
		return -ENOMEM;
	}
	(*next)++;
	return 0;
}

static int add_ours(const struct launch *launch, const char *preload, char ***next)
{
	int r = add_entry(next, "LD_PRELOAD=%s%s%s%s%s", launch->agent, launch->library ? ":" : "",
			  launch->library ?: "", preload[0] ? ":" : "", preload);

	if (r >= 0)
		r = add_entry(next, "MEMTRACE_SOCKET=%s", launch->socket);
	if (r >= 0)
		r = add_entry(next, "MEMTRACE_SAMPLE=%s", launch->sample);
	if (r >= 0)
		r = add_entry(next, "MEMTRACE_ALLOCATOR=%s", launch->allocator);
	if (r >= 0)
		r = add_entry(next, "MEMTRACE_FOLLOW=%d", launch->follow);
	if (r >= 0 && launch->max_memory > 0)
		r = add_entry(next, "MEMTRACE_MAX_MEMORY=%" PRIu64, launch->max_memory);
	return r;
}

int launch_environment(const struct launch *launch, char *const *environment, char ***ret)
{
	_cleanup_(cleanup_environment) char **made = NULL;
	char **next;
	size_t n = 0;
	int r;

	while (environment[n])
		n++;
	made = calloc(n + ARRAY_SIZE(ours) + 1, sizeof(*made));
	if (!made)
		return -ENOMEM;
	next = made;
	for (size_t i = 0; i < n; i++) {
		if (is_ours(environment[i]))
			continue;
		*next = strdup(environment[i]);
		if (!*next)
			return -ENOMEM;
		next++;
	}
	r = add_ours(launch, find_preload(environment), &next);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(made);
	return 0;
}

/* In the forked child. */
static void redirect(int output_fd)
{
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (nothing >= 0)
		(void)dup2(nothing, STDIN_FILENO);
	(void)dup2(output_fd, STDOUT_FILENO);
	(void)dup2(output_fd, STDERR_FILENO);
}

int launch_start(const struct launch *launch, pid_t *ret_pid)
{
	_cleanup_(cleanup_environment) char **environment = NULL;
	_cleanup_close_ int read_fd = -EBADF;
	int ends[2], failure = 0, r;
	ssize_t n;
	pid_t pid;

	r = launch_environment(launch, environ, &environment);
	if (r < 0)
		return r;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	read_fd = ends[0];
	pid = fork();
	if (pid < 0) {
		r = -errno;
		close(ends[1]);
		return r;
	}
	if (pid == 0) {
		signals_restore(launch->signals);
		if (launch->output_fd > 0)
			redirect(launch->output_fd);
		execvpe(launch->path, launch->argv, environment);
		failure = errno;
		(void)!write(ends[1], &failure, sizeof(failure));
		_exit(127);
	}
	close(ends[1]);
	do
		n = read(read_fd, &failure, sizeof(failure));
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof(failure)) {
		waitpid(pid, NULL, 0);
		return -failure;
	}
	*ret_pid = pid;
	return 0;
}
