/* SPDX-License-Identifier: MIT */
/*
 * inject-wait.h: how the tool waits for a thread that it traces: not for ever, and first in the queue.
 */
#ifndef PROCESS_INJECT_WAIT_H
#define PROCESS_INJECT_WAIT_H

#include <signal.h>
#include <stdbool.h>
#include <sys/time.h>
#include <sys/types.h>

struct inject_wait {
	struct sigaction old_action;
	struct itimerval old_timer;
	int old_nice;
};

/* From here on waitpid of this thread ends with EINTR now and then. */
void inject_wait_begin(struct inject_wait *wait);
/* As it was before. */
void inject_wait_end(struct inject_wait *wait);

/* Notes how this thread goes now, for inject_wait_hurry. inject_wait_begin does it, too. */
void inject_wait_note(struct inject_wait *wait);
/* While a thread of the program stands still this thread goes before others. */
void inject_wait_hurry(const struct inject_wait *wait, bool on);
/* The same for a thread of ours in the process, for good. */
void inject_wait_hurry_thread(pid_t tid);

#endif
