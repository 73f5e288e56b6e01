/* SPDX-License-Identifier: MIT */
/*
 * origin.h: what has to be known of a process while it lives, so that its region can still be
 * explained when it is gone: what /proc said, which pid it believes to have, and its root folder if
 * that is not ours.
 */
#ifndef CLI_ORIGIN_H
#define CLI_ORIGIN_H

#include <stdbool.h>
#include <sys/types.h>

#include "cli/java-names.h"
#include "process/procinfo.h"

struct origin {
	pid_t pid;
	pid_t ns_pid; /* in the process's own pid namespace; 0 if unknown */
	int root_fd;  /* its root folder, negative if it is ours or cannot be opened */
	bool has_info;
	struct procinfo info;    /* valid if has_info */
	struct java_names *java; /* of its code, if it is a Java machine; NULL: no memory for it */
};

/* Never fails: what cannot be learned is left unknown. Does not disturb the process: no pss, no uss. */
void origin_init(struct origin *origin, pid_t pid);
void origin_deinit(struct origin *origin);

/* Reads again what changes, pss and uss too; keeps the old answer if the process is gone. */
void origin_refresh(struct origin *origin);

/* The process is gone: figures of its memory would be those of its beginning, so they become unknown. */
void origin_forget_usage(struct origin *origin);

#endif
