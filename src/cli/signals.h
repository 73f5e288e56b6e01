/* SPDX-License-Identifier: MIT */
/*
 * signals.h: signals as events. While a program runs under `run`, what the terminal sends reaches it
 * directly, since it is in the same process group; what is sent to memtrace alone is forwarded.
 */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

enum { SIGNALS_N_KEPT = 4 };

struct signals {
	int fd;                                /* signalfd of what is to be acted on */
	sigset_t mask;                         /* as it was */
	struct sigaction kept[SIGNALS_N_KEPT]; /* dispositions as they were */
};

/*
 * For `run`: the terminal's INT and QUIT are ignored, PIPE too, so that the program's status is not lost
 * to a reader of our stderr that left; TERM, HUP, USR1 and USR2 come through fd.
 */
int signals_init_forwarding(struct signals *signals);
/* For `attach`: INT and TERM come through fd and end the observation. */
int signals_init_ending(struct signals *signals);
/* Takes away what has come; what is left would be delivered by signals_deinit. */
void signals_consume(const struct signals *signals);
void signals_deinit(struct signals *signals);

/* In the forked child, before exec: everything as memtrace found it. Async-signal-safe. */
void signals_restore(const struct signals *signals);

/* Passes on what came to memtrace from another process (not from the terminal). */
void signals_forward(const struct signals *signals, pid_t pid);

#endif
