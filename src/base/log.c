/* SPDX-License-Identifier: MIT */
/*
 * log.c: one line on stderr, in one write, so that lines of several processes do not mix. Allocates
 * nothing: a message that is too long is cut.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LOG_LINE_MAX = 4096 };

static bool log_quiet;

static void log_line(const char *prefix, const char *format, va_list args)
{
	char line[LOG_LINE_MAX];
	int saved = errno;
	size_t length, i;

	length = (size_t)snprintf(line, sizeof(line), "%s", prefix);
	vsnprintf(line + length, sizeof(line) - length - 1, format, args);
	length = strlen(line);
	for (i = 0; i < length; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	line[length++] = '\n';
	fflush(stdout);
	if (write(STDERR_FILENO, line, length) < 0) {
		/* nobody is listening, and there is nobody else to tell */
	}
	errno = saved;
}

void log_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line("memtrace: ", format, args);
	va_end(args);
}

void log_warning(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line("memtrace: warning: ", format, args);
	va_end(args);
}

void log_notice(const char *format, ...)
{
	va_list args;

	if (log_quiet)
		return;
	va_start(args, format);
	log_line("memtrace: ", format, args);
	va_end(args);
}

void log_set_quiet(bool quiet)
{
	log_quiet = quiet;
}
