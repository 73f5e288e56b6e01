/* SPDX-License-Identifier: MIT */
/*
 * at.h: the option --at of verbs that can take a session back to one of its moments.
 */
#ifndef CLI_AT_H
#define CLI_AT_H

#include "base/strbuf.h"
#include "profile/profile.h"

/*
 * when: "90s" after the start of the process, "-5m" before the end, "peak" when most was live,
 * "peak-rss" when most was resident, "mark:NAME" when the program said MEMTRACE_MARK(NAME) last.
 * The nearest moment that there is is taken, and a line says which. On failure error has the line
 * that says what, why and the way out.
 */
int at_go_to(const char *verb, const char *when, struct profile *profile, struct strbuf *error);

/* Whether when can be understood at all; else the same about error. */
int at_check(const char *when, struct strbuf *error);

#endif
