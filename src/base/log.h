/* SPDX-License-Identifier: MIT */
/*
 * log.h: what memtrace says on stderr, one line each. Only cli calls these, once, where it gives up or
 * goes on without something: what, why, what to do. Control characters in what is said are replaced, so
 * that the name of a file cannot paint the terminal. They keep errno.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include "base/macro.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_NOTICE };

/* "memtrace: …": could not do it. */
#define log_error(...)   log_line(LOG_ERROR, __VA_ARGS__)
/* "memtrace: warning: …": goes on without; the message says without what. */
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
/* "memtrace: …": worth knowing; not printed when quiet. */
#define log_notice(...)  log_line(LOG_NOTICE, __VA_ARGS__)

void log_line(enum log_level level, const char *format, ...) _printf_(2, 3);

void log_set_quiet(bool quiet);

#endif
