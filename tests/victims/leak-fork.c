/* SPDX-License-Identifier: MIT */
/*
 * A parent that leaks, and a child that frees some of what it inherited and leaks on its own. Prints
 * the child's pid. With an argument, the child comes from a raw clone, which no fork handler sees.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void *volatile sink;
static void *blocks[10];

static void leak_before_fork(void)
{
	for (int i = 0; i < 10; i++)
		/* LEAK leak_before_fork: 10 blocks, 10000 bytes; in child: 7 blocks, 7000 bytes */
		blocks[i] = malloc(1000);
}

static void leak_in_child(void)
{
	for (int i = 0; i < 4; i++)
		/* LEAK leak_in_child: 0 blocks, 0 bytes; in child: 4 blocks, 1000 bytes */
		sink = malloc(250);
}

static void leak_in_parent(void)
{
	/* LEAK leak_in_parent: 1 blocks, 77 bytes; in child: 0 blocks, 0 bytes */
	sink = malloc(77);
}

int main(int argc, char **argv)
{
	int status;
	pid_t pid;

	leak_before_fork();
	if (argc > 1)
		pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	else
		pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 3; i++)
			free(blocks[i]);
		leak_in_child();
		_exit(7);
	}
	leak_in_parent();
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 7)
		return 1;
	dprintf(1, "%d\n", (int)pid); /* without a buffer that would be outstanding at the end */
	return 0;
}
