/* SPDX-License-Identifier: MIT */
/*
 * run-top.h: `memtrace run --top`: the screen of `memtrace top` for the program that is started. The recording
 * goes on in a child process, so that it is the same as without the screen, and so that whoever looks at the
 * program is its ancestor, which kernels with Yama ask for.
 */
#ifndef CLI_RUN_TOP_H
#define CLI_RUN_TOP_H

#include <sys/types.h>

/* What the recording process needs to know. */
struct run_top {
	int output_fd; /* for the program's output */
	int pid_fd;    /* where run_top_tell writes */
};

/*
 * Opens the screen, calls record in a child process, which returns the exit status, and shows the program. name is
 * the program's. When the screen is left, waits for the program, and prints what the recording had to
 * say. Returns the exit status; in the child it does not return.
 */
int run_top(const char *name, int (*record)(void *context, const struct run_top *top),
	    void *context);

/* From the recording process: the program runs. */
void run_top_tell(const struct run_top *top, pid_t pid);

#endif
