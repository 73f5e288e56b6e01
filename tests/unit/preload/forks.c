/* SPDX-License-Identifier: MIT */
/*
 * forks: forks at any moment: several threads fork while all allocate; functions that were given to
 * pthread_atfork allocate; a signal handler forks in the middle of malloc. No parent and no child may
 * hang. Each part has a time limit, and is killed where it hangs.
 *
 * usage: forks [handlers]; only the part with signal handlers, or the others
 */
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "check.h"

enum {
	N_THREADS = 4,
	N_FORKS = 8,
	N_HANDLED = 100,
	TIME_LIMIT = 60,
};

static bool stop;
static void *kept;
static int n_called;
static volatile sig_atomic_t n_handled, n_failed;

static void allocate_some(void)
{
	void *blocks[60];
	int i;

	for (i = 0; i < 60; i++) {
		blocks[i] = malloc((size_t)i * i * 40 + 1);
		CHECK(blocks[i]);
		memset(blocks[i], i, (size_t)i * i * 40 + 1);
	}
	for (i = 0; i < 60; i++)
		free(blocks[i]);
}

static void *allocate_once(void *unused)
{
	allocate_some();
	return NULL;
}

/* A child: allocates, starts a thread, forks, ends. */
static void live_as_child(void)
{
	pthread_t thread;
	int status;
	pid_t pid;

	alarm(TIME_LIMIT);
	allocate_some();
	CHECK(pthread_create(&thread, NULL, allocate_once, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		allocate_some();
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	_exit(0);
}

static void *fork_and_allocate(void *unused)
{
	int i, status;

	for (i = 0; i < N_FORKS; i++) {
		pid_t pid;

		allocate_some();
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0)
			live_as_child();
		allocate_some();
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	}
	return NULL;
}

static void *allocate_until_stopped(void *unused)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		allocate_some();
	return NULL;
}

static void check_threads_that_fork(void)
{
	pthread_t forking[N_THREADS], allocating[2];
	int i;

	for (i = 0; i < 2; i++)
		CHECK(pthread_create(&allocating[i], NULL, allocate_until_stopped, NULL) == 0);
	for (i = 0; i < N_THREADS; i++)
		CHECK(pthread_create(&forking[i], NULL, fork_and_allocate, NULL) == 0);
	for (i = 0; i < N_THREADS; i++)
		CHECK(pthread_join(forking[i], NULL) == 0);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++)
		CHECK(pthread_join(allocating[i], NULL) == 0);
}

static void before_fork(void)
{
	allocate_some();
	free(kept);
	kept = malloc(5000);
	CHECK(kept);
	n_called++;
}

static void after_fork(void)
{
	free(kept);
	kept = calloc(100, 700);
	CHECK(kept);
	allocate_some();
	n_called++;
}

/* Libraries do that: their functions run before and behind everybody else's. */
static void check_functions_around_fork(void)
{
	int i, status;

	CHECK(pthread_atfork(before_fork, after_fork, after_fork) == 0);
	for (i = 0; i < 20; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			alarm(TIME_LIMIT);
			allocate_some();
			_exit(n_called == 2 * (i + 1) ? 0 : 1);
		}
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	}
	CHECK(n_called == 40);
}

static void fork_in_handler(int signal)
{
	int saved = errno, status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		n_failed++;
	n_handled++;
	errno = saved;
}

/* POSIX does not promise it. glibc does as long as there has been one thread only. */
static void check_handlers_that_fork(void)
{
	const struct itimerval every = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
	struct sigaction action = {.sa_handler = fork_in_handler, .sa_flags = SA_RESTART};

	CHECK(sigaction(SIGPROF, &action, NULL) == 0);
	CHECK(setitimer(ITIMER_PROF, &every, NULL) == 0);
	while (n_handled < N_HANDLED)
		allocate_some();
	CHECK(setitimer(ITIMER_PROF, &never, NULL) == 0);
	CHECK(n_failed == 0);
}

int main(int argc, char **argv)
{
	/* dies of it where something hangs */
	alarm(TIME_LIMIT);
	if (argc > 1 && strcmp(argv[1], "handlers") == 0) {
		check_handlers_that_fork();
		return 0;
	}
	check_threads_that_fork();
	alarm(TIME_LIMIT);
	check_functions_around_fork();
	free(kept);
	return 0;
}
