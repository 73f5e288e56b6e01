/* SPDX-License-Identifier: MIT */
/*
 * capture.h: from a region to a profile, and on to a session file: the way that `run`, `attach`,
 * `snapshot` and `report PID` share.
 */
#ifndef CLI_CAPTURE_H
#define CLI_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/strbuf.h"
#include "cli/names.h"
#include "cli/origin.h"
#include "profile/profile.h"
#include "region/region.h"

/*
 * A profile of a snapshot. live: the process is there, so its maps are read as well. Without names
 * frames have addresses only.
 */
int capture_snapshot(const struct region_snapshot *snapshot, const struct origin *origin, bool live,
		     struct names *names, struct profile **ret);
/*
 * What the process's memory looks like now, for a snapshot that was taken just before: naming stacks takes seconds,
 * in which the process goes on. *ret is NULL if it cannot be looked at. -ENOMEM or 0.
 */
int capture_look(const struct region_snapshot *snapshot, const struct origin *origin,
		 struct profile **ret);
/* As capture_snapshot, with what was seen, of which it takes the content; seen may be NULL. */
int capture_seen(const struct region_snapshot *snapshot, const struct origin *origin, bool live,
		 struct profile *seen, struct names *names, struct profile **ret);
/* The same with the caller's symbolizer, which may be NULL. */
int capture_named(const struct region_snapshot *snapshot, const struct origin *origin, bool live,
		  struct symbolizer *symbolizer, struct profile **ret);
/* The same of what the region holds now. */
int capture(struct region *region, const struct origin *origin, bool live, struct names *names,
	    struct profile **ret);

/*
 * A profile of a living process, with the agent or without; a Java machine is asked if names are wanted. On
 * failure error says what, why and the way out.
 */
int capture_pid(pid_t pid, bool symbolize, struct profile **ret, struct strbuf *error);

/* Opens the region of a living process; the same about error. */
int capture_open_pid(pid_t pid, struct region **ret, struct strbuf *error);

/* The line for an error of whatever looks at a living process: what, why and the way out. */
void capture_explain_pid(pid_t pid, int error_number, struct strbuf *error);

/* "memtrace.COMM.PID.memtrace", with whatever may not stand in a file name replaced. */
int capture_default_path(const char *comm, pid_t pid, char **ret);
/*
 * For a child of a program whose session goes to output: beside it, "NAME.COMM.PID.memtrace"; the
 * default name if output is NULL.
 */
int capture_child_path(const char *output, const char *comm, pid_t pid, char **ret);

/*
 * Writes the session to output, or under its default name if that is NULL, and remembers it as the
 * newest. ret_path is the caller's. On failure the line that says so was logged.
 */
int capture_keep(const char *verb, const struct profile *profile, const char *output,
		 char **ret_path);

/* Writes the session file; on failure logs the line that says so. */
int capture_write(const char *verb, const struct profile *profile, const char *path);

#endif
