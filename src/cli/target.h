/* SPDX-License-Identifier: MIT */
/*
 * target.h: what TARGET means: a PID, a session file, a core file, or nothing, which is the newest session of this
 * user: the process with the agent that was started last, else the newest session file.
 */
#ifndef CLI_TARGET_H
#define CLI_TARGET_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/strbuf.h"
#include "process/space.h"
#include "profile/profile.h"

/* Whether text is a PID: digits only. A file of such a name is given as ./4711. */
bool target_parse_pid(const char *text, pid_t *ret);

/*
 * The profile of TARGET (NULL for none). ret_name says in a few words what was taken, and the caller
 * frees it. On failure error holds the line that says what, why and the way out.
 */
int target_load(const char *target, bool symbolize, struct profile **ret, char **ret_name,
		struct strbuf *error);

/* The same; exe says where the program of a core file is now, or is NULL. */
int target_load_exe(const char *target, const char *exe, bool symbolize, struct profile **ret,
		    char **ret_name, struct strbuf *error);

/*
 * For verbs that look at memory itself: a living process or a core file. usage as in space.h. On failure
 * error holds the line.
 */
int target_open_space(const char *target, const char *exe, bool usage, struct space *ret,
		      struct strbuf *error);

/* An operand that must be a PID: 0, or -EINVAL and the line. */
int target_need_pid(const char *text, pid_t *ret, struct strbuf *error);

/* Whether the process has the agent's region among its mappings: 1, 0, or -errno. */
int target_has_agent(pid_t pid);

#endif
