/* SPDX-License-Identifier: MIT */
/*
 * jit.h: the perf map of a process, read again as the process adds to it.
 */
#ifndef SYMBOLIZE_JIT_H
#define SYMBOLIZE_JIT_H

#include <stdbool.h>

#include "symbolize/perfmap.h"

struct jit;

/* pid is as this process sees it, ns_pid as the process itself does, root is in front of paths. */
int jit_new(const char *root, pid_t pid, pid_t ns_pid, struct jit **ret);
struct jit *jit_free(struct jit *jit);
DEFINE_CLEANUP(struct jit *, jit_free)

/*
 * Looks for changes of the file, at most once a second. Returns 1 if there is another map now, whose
 * entries replace all former ones, 0 if not, -ENOMEM.
 */
int jit_refresh(struct jit *jit);

/* As perfmap_find; lives until the next jit_refresh. */
const struct perfmap_entry *jit_find(const struct jit *jit, uint64_t address);
/* Whether there is a perf map at all. */
bool jit_has_map(const struct jit *jit);

#endif
