/* SPDX-License-Identifier: MIT */
/*
 * pause.c: PTRACE_SEIZE and PTRACE_INTERRUPT on each thread, which unlike PTRACE_ATTACH send no signal
 * that the process could see. A thread that is inside the kernel and cannot be interrupted makes the
 * pause fail instead of last.
 */
#include "process/pause.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "process/procinfo.h"

enum { PATIENCE_US = 5000, NAP_US = 20 };

static void nap(void)
{
	struct timespec time = {.tv_nsec = NAP_US * 1000};

	nanosleep(&time, NULL);
}

/* Whether the thread stands, or is gone. */
static int wait_for(pid_t tid, unsigned *spent_us)
{
	for (;;) {
		int status;
		pid_t r = waitpid(tid, &status, __WALL | WNOHANG);

		if (r == tid || (r < 0 && errno == ECHILD))
			return 0;
		if (r < 0)
			return -errno;
		if (*spent_us >= PATIENCE_US)
			return -ETIMEDOUT;
		nap();
		*spent_us += NAP_US;
	}
}

static void release(struct pause *pause)
{
	for (size_t i = 0; i < pause->n_tids; i++)
		ptrace(PTRACE_DETACH, pause->tids[i], NULL, NULL);
}

int pause_begin(pid_t pid, struct pause *ret)
{
	_cleanup_free_ struct procinfo_thread *threads = NULL;
	_cleanup_(pause_end) struct pause pause = {};
	unsigned spent_us = 0;
	size_t n_threads;
	int r = procinfo_read_threads(pid, &threads, &n_threads);

	if (r < 0)
		return r;
	pause.tids = calloc(n_threads ?: 1, sizeof(*pause.tids));
	if (!pause.tids)
		return -ENOMEM;
	for (size_t i = 0; i < n_threads; i++) {
		if (ptrace(PTRACE_SEIZE, threads[i].tid, NULL, NULL) < 0) {
			if (errno == ESRCH)
				continue;
			return -errno;
		}
		pause.tids[pause.n_tids++] = threads[i].tid;
		ptrace(PTRACE_INTERRUPT, threads[i].tid, NULL, NULL);
	}
	for (size_t i = 0; i < pause.n_tids; i++) {
		r = wait_for(pause.tids[i], &spent_us);
		if (r < 0)
			return r;
	}
	*ret = pause;
	pause = (struct pause){0};
	return 0;
}

void pause_end(struct pause *pause)
{
	release(pause);
	free(pause->tids);
	*pause = (struct pause){0};
}
