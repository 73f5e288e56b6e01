/* SPDX-License-Identifier: MIT */
/*
 * confine: a process behind a seccomp filter that kills it for anything that an allocating and forking
 * program does not need. It allocates, frees, starts threads, forks, and its children do the same.
 *
 * usage: confine prctl|syscall|child, by which function the filter is put in place; "child" does it in a
 * forked child that recorded nothing before.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "../../support/confine.h"
#include "check.h"

static void confine(const char *how)
{
	/* asking whether there are filters changes nothing */
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) == -1 && errno == EFAULT);
	CHECK(confine_process(strcmp(how, "prctl") == 0 ? CONFINE_BY_PRCTL : CONFINE_BY_SYSCALL) ==
	      0);
}

/* Little enough for glibc to keep it: it reads a file in /proc before it shrinks a thread's heap. */
static void allocate(void)
{
	void *blocks[100];
	int i;

	for (i = 0; i < 100; i++)
		CHECK((blocks[i] = malloc((size_t)i * 15)));
	for (i = 0; i < 100; i++)
		free(blocks[i]);
}

static void *work(void *unused)
{
	allocate();
	return NULL;
}

static void work_confined(void)
{
	pthread_t thread;
	int i, status;

	allocate();
	for (i = 0; i < 20; i++) {
		CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
		CHECK(pthread_join(thread, NULL) == 0);
	}
	for (i = 0; i < 5; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			allocate();
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	}
}

int main(int argc, char **argv)
{
	int status;

	CHECK(argc == 2);
	if (strcmp(argv[1], "child") == 0) {
		pid_t pid = fork();

		if (pid == 0) {
			confine("prctl");
			work_confined();
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
		return 0;
	}
	confine(argv[1]);
	work_confined();
	_exit(0);
}
