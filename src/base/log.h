/* SPDX-License-Identifier: MIT */
/*
 * log.h: what memtrace says on stderr, one line each. Only cli calls these, once, where it gives up or
 * goes on without something: what, why, what to do. Control characters in what is said are replaced, so
 * that the name of a file cannot paint the terminal.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include "base/macro.h"

/* "memtrace: …": could not do it. */
void log_error(const char *format, ...) _printf_(1, 2);
/* "memtrace: warning: …": goes on without; the message says without what. */
void log_warning(const char *format, ...) _printf_(1, 2);
/* "memtrace: …": worth knowing; not printed when quiet. */
void log_notice(const char *format, ...) _printf_(1, 2);

void log_set_quiet(bool quiet);

#endif
