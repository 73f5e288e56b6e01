/* SPDX-License-Identifier: MIT */
/*
 * inject-wait.h: how the tool waits for a thread that it traces: not for ever, and first in the queue.
 */
#ifndef PROCESS_INJECT_WAIT_H
#define PROCESS_INJECT_WAIT_H

#include <signal.h>
#include <stdbool.h>
#include <sys/time.h>

struct inject_wait {
	struct sigaction old_action;
	struct itimerval old_timer;
	int old_nice;
	bool alarmed;
};

/* From here on waitpid ends with EINTR now and then, and the tool goes before others. */
void inject_wait_begin(struct inject_wait *wait);
/* As it was before; does nothing if it has not begun. */
void inject_wait_end(struct inject_wait *wait);

#endif
