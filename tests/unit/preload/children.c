/* SPDX-License-Identifier: MIT */
/*
 * children: which programs get the agent along, by each function that starts one.
 *
 * usage: children DYNAMIC STATIC SANITIZED, builds of show.c. Runs under the agent with MEMTRACE_ALLOCATOR set.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "check.h"

static const char *path, *name;
static char *arguments[] = {"show", "a", "b", NULL};
static char *special[] = {"MARK=1", "LD_PRELOAD=/x/libother.so:/y/libmemtrace-agent.so libother.so",
			  "MEMTRACE_ALLOCATOR=fast", NULL};

static void by_execve(void)
{
	execve(path, arguments, environ);
}

static void by_execv(void)
{
	execv(path, arguments);
}

static void by_execvp(void)
{
	execvp(name, arguments);
}

static void by_execvpe(void)
{
	execvpe(name, arguments, environ);
}

static void by_execl(void)
{
	execl(path, "show", "a", "b", (char *)NULL);
}

static void by_execlp(void)
{
	execlp(name, "show", "a", "b", (char *)NULL);
}

static void by_execle(void)
{
	execle(path, "show", "a", "b", (char *)NULL, environ);
}

static void by_fexecve(void)
{
	/* a script is opened anew by its interpreter through the descriptor */
	fexecve(open(path, O_RDONLY), arguments, environ);
}

static void by_execveat(void)
{
	execveat(AT_FDCWD, path, arguments, environ, 0);
}

static void by_posix_spawn(void)
{
	pid_t pid;
	int status;

	CHECK(posix_spawn(&pid, path, NULL, NULL, arguments, environ) == 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	_exit(status);
}

static void by_posix_spawnp(void)
{
	pid_t pid;
	int status;

	CHECK(posix_spawnp(&pid, name, NULL, NULL, arguments, environ) == 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	_exit(status);
}

static void by_special(void)
{
	/* the loader complains of libraries that are not there */
	dup2(open("/dev/null", O_WRONLY), 2);
	execve(path, arguments, special);
}

static void (*const ways[])(void) = {
	by_execve, by_execv,   by_execvp,   by_execvpe,     by_execl,        by_execlp,
	by_execle, by_fexecve, by_execveat, by_posix_spawn, by_posix_spawnp,
};

static pid_t start(void (*way)(void), bool by_vfork, int out)
{
	pid_t pid = by_vfork ? vfork() : fork();

	if (pid == 0) {
		dup2(out, 1);
		way();
		_exit(127);
	}
	return pid;
}

/* What a child started that way prints. */
static void expect(void (*way)(void), bool by_vfork, const char *expected)
{
	char text[512] = "";
	ssize_t n, length = 0;
	int pipes[2], status;
	pid_t pid;

	CHECK(pipe(pipes) == 0);
	pid = start(way, by_vfork, pipes[1]);
	close(pipes[1]);
	while ((n = read(pipes[0], text + length, sizeof(text) - 1 - (size_t)length)) > 0)
		length += n;
	close(pipes[0]);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	if (strcmp(text, expected) != 0) {
		fprintf(stderr, "%s: way %p: \"%s\" instead of \"%s\"\n", path, (void *)way, text,
			expected);
		_exit(1);
	}
}

static void expect_all(const char *target, const char *expected)
{
	size_t i;

	path = name = target;
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		expect(ways[i], false, expected);
		if (ways[i] != by_posix_spawn && ways[i] != by_posix_spawnp)
			expect(ways[i], true, expected);
	}
}

static void write_script(const char *script, const char *interpreter)
{
	FILE *file = fopen(script, "w");

	CHECK(file && fprintf(file, "#! %s b\n", interpreter) > 0 && fclose(file) == 0);
	CHECK(chmod(script, 0700) == 0);
}

static void check_scripts(const char *dynamic, const char *statically)
{
	char directory[] = "/tmp/memtrace-children-XXXXXX", script[64], second[64], expected[256];

	CHECK(mkdtemp(directory));
	snprintf(script, sizeof(script), "%s/script", directory);
	snprintf(second, sizeof(second), "%s/second", directory);
	path = name = script;
	write_script(script, statically);
	snprintf(expected, sizeof(expected), "b %s a b ", script);
	expect(by_execve, false, expected);
	expect(by_execvp, true, expected);
	write_script(second, script);
	path = second;
	snprintf(expected, sizeof(expected), "b %s b %s a b ", script, second);
	expect(by_execve, false, expected);
	write_script(script, dynamic);
	snprintf(expected, sizeof(expected), "b %s b %s a b preload agent variables ", script,
		 second);
	expect(by_execve, false, expected);
	unlink(script);
	unlink(second);
	rmdir(directory);
}

static void check_failure(void)
{
	path = name = "/nonexistent/program";
	errno = 0;
	CHECK(execve(path, arguments, environ) == -1 && errno == ENOENT);
	CHECK(execvp("no-such-program-anywhere", arguments) == -1 && errno == ENOENT);
	CHECK(execve("/etc/passwd", arguments, environ) == -1 && errno == EACCES);
	CHECK(execve("/", arguments, environ) == -1 && errno == EACCES);
	errno = 0;
	CHECK(fexecve(-1, arguments, environ) == -1 && errno != 0);
	CHECK(posix_spawn(NULL, path, NULL, NULL, arguments, environ) == ENOENT);
}

int main(int argc, char **argv)
{
	static char *plain[3];
	int i;

	CHECK(argc == 4);
	/* an environment in a known order */
	for (i = 0; environ[i]; i++) {
		if (strncmp(environ[i], "LD_PRELOAD=", 11) == 0)
			plain[0] = environ[i];
		if (strncmp(environ[i], "MEMTRACE_ALLOCATOR=", 19) == 0)
			plain[1] = environ[i];
	}
	CHECK(plain[0] && plain[1]);
	environ = plain;
	expect_all(argv[1], "a b preload agent variables ");
	expect_all(argv[2], "a b ");
	path = argv[1];
	expect(by_special, false, "a b MARK=1 preload agent other variables ");
	path = argv[2];
	expect(by_special, true, "a b MARK=1 preload other ");
	path = argv[3];
	expect(by_execve, false, "a b ");
	check_scripts(argv[1], argv[2]);
	check_failure();
	return 0;
}
