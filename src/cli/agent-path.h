/* SPDX-License-Identifier: MIT */
/*
 * agent-path.h: where the agent's library is: what MEMTRACE_AGENT says, or beside this executable in a
 * build folder, or where this executable or the build was installed.
 */
#ifndef CLI_AGENT_PATH_H
#define CLI_AGENT_PATH_H

#include "base/strbuf.h"

/*
 * An absolute path that can stand in LD_PRELOAD; the caller frees. On failure -ENOENT (or another
 * errno) and error says where was looked and what to do.
 */
int agent_path_find(char **ret, struct strbuf *error);

/*
 * The same for the library of another allocator, as the user gave it: a path, or a name that is looked
 * for where libraries are.
 */
int agent_path_find_library(const char *name, char **ret, struct strbuf *error);

#endif
