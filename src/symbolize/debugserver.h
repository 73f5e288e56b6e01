/* SPDX-License-Identifier: MIT */
/*
 * debugserver.h: debug files from the servers that DEBUGINFOD_URLS names, through libdebuginfod and its
 * cache. The library is loaded when it is first needed, and its absence is like a server without files.
 */
#ifndef SYMBOLIZE_DEBUGSERVER_H
#define SYMBOLIZE_DEBUGSERVER_H

#include "symbolize/elffile.h"

struct debugserver;

/* -ENOENT: DEBUGINFOD_URLS is not set. No connection is made yet. */
int debugserver_new(struct debugserver **ret);
struct debugserver *debugserver_free(struct debugserver *server);
DEFINE_CLEANUP(struct debugserver *, debugserver_free)

/*
 * The debug file of that build ID. Blocks until it is loaded, or until the time is up that all questions
 * to one debugserver have together. -ENOENT: no server has it; -ETIMEDOUT: no time is left, or a server
 * cannot be reached, and it is not asked again.
 */
int debugserver_fetch(struct debugserver *server, const struct build_id *build_id,
		      struct elffile **ret);

#endif
