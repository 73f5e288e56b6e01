/* SPDX-License-Identifier: MIT */
/*
 * corruption: what a program does to its heap that must not go on: it is stopped by SIGABRT with a line
 * on stderr, as glibc does.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "check.h"

static void *volatile block;

static void free_twice(void)
{
	block = malloc(100);
	free(block);
	free(block);
}

static void free_large_twice(void)
{
	block = malloc(1 << 20);
	free(block);
	free(block);
}

static void free_stack(void)
{
	char bytes[64] __attribute__((aligned(16)));

	block = bytes + 16;
	free(block);
}

/* What the child said before it was stopped by the expected signal. */
static void expect(void (*damage)(void), const char *expected)
{
	struct rlimit none = {0, 0};
	char text[2000] = "";
	ssize_t n, length = 0;
	int pipes[2], status;
	pid_t pid;

	CHECK(pipe(pipes) == 0);
	pid = fork();
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &none);
		dup2(pipes[1], 2);
		damage();
		_exit(0);
	}
	close(pipes[1]);
	while ((n = read(pipes[0], text + length, sizeof(text) - 1 - (size_t)length)) > 0)
		length += n;
	close(pipes[0]);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	if (!strstr(text, expected)) {
		fprintf(stderr, "\"%s\" has no \"%s\"\n", text, expected);
		_exit(1);
	}
}

int main(void)
{
	const char *allocator = getenv("MEMTRACE_ALLOCATOR");

	if (allocator && strcmp(allocator, "fast") == 0) {
		expect(free_twice, "block was freed twice: 0x");
		expect(free_twice, "  0x");
		expect(free_large_twice, "block was freed twice: 0x");
	} else {
		expect(free_twice, "double free");
	}
	/* no allocator's: libc has the last word */
	expect(free_stack, "invalid pointer");
	return 0;
}
