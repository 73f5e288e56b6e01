/* SPDX-License-Identifier: MIT */
/*
 * pause.c: PTRACE_SEIZE and PTRACE_INTERRUPT on each thread, which unlike PTRACE_ATTACH send no signal
 * that the process could see. A thread that is inside the kernel and cannot be interrupted makes the
 * pause fail instead of last. On a machine whose processors others want, most of a pause is waiting for
 * one; so the tool goes before others for as long, in real time if it may.
 */
#include "process/pause.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/macro.h"
#include "process/procinfo.h"

enum { NAP_US = 20 };

static const uint64_t patience_ns = 8 * 1000 * 1000;

static void nap(void)
{
	struct timespec time = {.tv_nsec = NAP_US * 1000};

	nanosleep(&time, NULL);
}

/* Whether the thread stands, or is gone. */
static int wait_for(pid_t tid, uint64_t deadline_ns)
{
	for (;;) {
		int status;
		pid_t r = waitpid(tid, &status, __WALL | WNOHANG);

		if (r == tid || (r < 0 && errno == ECHILD))
			return 0;
		if (r < 0)
			return -errno;
		if (clock_ns(CLOCK_MONOTONIC) >= deadline_ns)
			return -ETIMEDOUT;
		nap();
	}
}

static void release(struct pause *pause)
{
	for (size_t i = 0; pause->tids && i < pause->n_tids; i++)
		ptrace(PTRACE_DETACH, pause->tids[i], NULL, NULL);
	if (pause->tids)
		inject_wait_hurry(&pause->wait, false);
}

uint64_t pause_held_ns(const struct pause *pause)
{
	return clock_ns(CLOCK_MONOTONIC) - pause->begun_ns;
}

int pause_begin(pid_t pid, struct pause *ret)
{
	_cleanup_free_ struct procinfo_thread *threads = NULL;
	_cleanup_(pause_end) struct pause pause = {};
	uint64_t deadline_ns;
	size_t n_threads;
	int r = procinfo_read_threads(pid, &threads, &n_threads);

	if (r < 0)
		return r;
	pause.tids = calloc(n_threads ?: 1, sizeof(*pause.tids));
	if (!pause.tids)
		return -ENOMEM;
	inject_wait_note(&pause.wait);
	inject_wait_hurry(&pause.wait, true);
	pause.begun_ns = clock_ns(CLOCK_MONOTONIC);
	deadline_ns = pause.begun_ns + patience_ns;
	for (size_t i = 0; i < n_threads; i++) {
		if (clock_ns(CLOCK_MONOTONIC) >= deadline_ns)
			return -ETIMEDOUT;
		if (ptrace(PTRACE_SEIZE, threads[i].tid, NULL, NULL) < 0) {
			if (errno == ESRCH)
				continue;
			return -errno;
		}
		pause.tids[pause.n_tids++] = threads[i].tid;
		ptrace(PTRACE_INTERRUPT, threads[i].tid, NULL, NULL);
	}
	for (size_t i = 0; i < pause.n_tids; i++) {
		r = wait_for(pause.tids[i], deadline_ns);
		if (r < 0)
			return r;
	}
	*ret = pause;
	pause.tids = NULL;
	return 0;
}

void pause_end_counted(struct pause *pause, struct pause_tally *tally)
{
	const uint64_t begun_ns = pause->begun_ns;

	pause_end(pause);
	if (!tally)
		return;
	tally->n++;
	tally->longest_ns = MAX(tally->longest_ns, clock_ns(CLOCK_MONOTONIC) - begun_ns);
}

void pause_end(struct pause *pause)
{
	release(pause);
	free(pause->tids);
	*pause = (struct pause){0};
}
