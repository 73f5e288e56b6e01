/* SPDX-License-Identifier: MIT */
/*
 * launch.h: a program is started with the agent in it, and nothing else is different for it: the same
 * terminal, process group, descriptors, signals and environment, but for LD_PRELOAD and MEMTRACE_*, and its
 * output where that is asked for.
 */
#ifndef CLI_LAUNCH_H
#define CLI_LAUNCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/signals.h"

struct launch {
	const char *path; /* what is executed */
	char *const *argv;
	const char *agent;     /* absolute path of the agent's library */
	const char *allocator; /* "fast" or "system" */
	const char *library;   /* of another allocator, preloaded behind the agent; NULL */
	const char *sample;    /* as MEMTRACE_SAMPLE takes it */
	const char *socket;    /* name of the listening socket */
	uint64_t max_memory;   /* bytes; 0: the agent's own default */
	bool follow;
	const struct signals *signals; /* restored in the child */
	/* gets what it prints, and then it has nothing to read; 0: all is as we have it */
	int output_fd;
};

/* Returns when the program is running: 0, or -errno of fork or exec. */
int launch_start(const struct launch *launch, pid_t *ret_pid);

/* The environment alone, NULL terminated; for tests. */
int launch_environment(const struct launch *launch, char *const *environment, char ***ret);
void launch_free_environment(char **environment);

#endif
