/* SPDX-License-Identifier: MIT */
/*
 * java-names.h: the names of a Java machine's code, taken down while it is there. Code that is compiled
 * again, or a process that has ended, cannot be asked any more.
 */
#ifndef CLI_JAVA_NAMES_H
#define CLI_JAVA_NAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "region/region.h"
#include "symbolize/symbolizer.h"

struct java_names; /* opaque */

struct java_names *java_names_new(pid_t pid); /* NULL: no memory */
struct java_names *java_names_free(struct java_names *names);
DEFINE_CLEANUP(struct java_names *, java_names_free)

/*
 * Looks up what has come into the region and is in no module, if it is time to. Returns when it will be time
 * again (CLOCK_MONOTONIC): soon while new code appears, once a second when none has for long. Does nothing
 * but that if the process is no Java machine. Only reads; nothing is stopped.
 */
uint64_t java_names_look(struct java_names *names, struct region *region, uint64_t now_ns);
/* The same of frames that were copied already: all of a snapshot's. Returns how many of them are done. */
uint64_t java_names_learn_frames(struct java_names *names, const uint64_t *frames, uint64_t n);

/* Whether anything was learnt. names may be NULL. */
bool java_names_any(const struct java_names *names);

/* Tells all that was learnt. 0 or -ENOMEM. */
int java_names_tell(const struct java_names *names, struct symbolizer *symbolizer);

#endif
