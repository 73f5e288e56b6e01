/* SPDX-License-Identifier: MIT */
/*
 * explain-core.h: what a file is that somebody gave as a core, and what people should know of it.
 */
#ifndef CLI_EXPLAIN_CORE_H
#define CLI_EXPLAIN_CORE_H

#include <stdbool.h>

#include "base/strbuf.h"
#include "process/core.h"

/* Whether the file begins as a core does. */
bool core_is_one(const char *path);
/* If it is compressed by a program that is known: the line that says what to do, and true. */
bool core_explain_compressed(const char *path, struct strbuf *error);
/* The line for an error of core_open. */
void core_explain(const char *path, int error_number, struct strbuf *error);
/* On stderr: what of the core is missing, as far as it was found out by now. */
void core_warn(const char *path, const struct core *core);

#endif
